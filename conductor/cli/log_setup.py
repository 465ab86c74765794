"""Sends the log of a program to standard error, as text for machines and people, or as JSON."""

from __future__ import annotations

import logging
import time

from rich.console import Console
from rich.text import Text

from conductor._log import printable
from conductor.logs import JsonFormatter, TaskFilter
from conductor.supervision.whole_lines import WholeLines
from conductor.worker_program.options import LogFormat

LONGEST_LINE = 4_000
"""Characters of a line of a record."""
IDS = r" \(task_id='.*'\)"
"""The end of each message about a task."""
_STYLES = {logging.WARNING: "yellow", logging.ERROR: "bold red", logging.CRITICAL: "bold red"}


class TextFormatter(logging.Formatter):
    """A line for people. It ends with the id of the task, unless the message names it already."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s%(of_task)s")

    def format(self, record: logging.LogRecord) -> str:
        task_id = vars(record).get("task_id")
        record.of_task = f" (task_id='{task_id}')" if task_id and str(task_id) not in record.getMessage() else ""
        return super().format(record)


def set_up_log(form: LogFormat, level: str, turn: int | None = None) -> None:
    """Let the root logger write to standard error.

    turn: a file that the processes of this program share, so that each line is written as a whole.
    """
    handler = WholeLines(turn)
    handler.addFilter(TaskFilter())
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.root.addHandler(handler)
    logging.root.setLevel(level)
    if form == "json":
        logging.captureWarnings(True)  # else Python writes lines that are no JSON


class Lines(logging.Handler):
    """Writes records to standard error, with colors on a terminal. No text in a record can move the cursor."""

    def __init__(self) -> None:
        super().__init__()
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            moment = time.strftime("%H:%M:%S", time.localtime(record.created))
            level = (f"{record.levelname:<7} ", _STYLES.get(record.levelno, "green"))
            lines = "\n".join(printable(line, LONGEST_LINE) for line in self.format(record).splitlines())
            text = Text.assemble((f"{moment} ", "dim"), level, lines)
            text.highlight_regex(IDS, "dim")
            self._console.print(text)
        except Exception:  # noqa: BLE001 - as every handler does: a record must not end the program
            self.handleError(record)


def log_to_stderr(*talkative: str) -> None:
    """Show the records of all loggers from INFO on, and those of the talkative ones from DEBUG on."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[Lines()])
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it counts changes
    for name in talkative:
        logging.getLogger(name).setLevel(logging.DEBUG)
