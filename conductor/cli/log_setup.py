"""Where the log of a program goes: to standard error, as text or as JSON."""

from __future__ import annotations

import logging

from conductor.logs import JsonFormatter, TaskFilter
from conductor.supervision.whole_lines import WholeLines
from conductor.worker_program.options import LogFormat


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
