"""Log records on standard error, for people: a line each, with colours on terminals only."""

from __future__ import annotations

import logging
import time

from rich.console import Console
from rich.text import Text

from conductor._log import printable

LONGEST_LINE = 4_000
"""Characters of a line of a record."""
_STYLES = {logging.WARNING: "yellow", logging.ERROR: "bold red", logging.CRITICAL: "bold red"}


class Lines(logging.Handler):
    """Writes records to standard error. No text in a record can move the cursor."""

    def __init__(self) -> None:
        super().__init__()
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            moment = time.strftime("%H:%M:%S", time.localtime(record.created))
            text = "\n".join(printable(line, LONGEST_LINE) for line in self.format(record).splitlines())
            level = (f"{record.levelname:<7} ", _STYLES.get(record.levelno, "green"))
            self._console.print(Text.assemble((f"{moment} ", "dim"), level, text))
        except Exception:  # noqa: BLE001 - as every handler does: a record must not end the program
            self.handleError(record)


def log_to_stderr(*talkative: str) -> None:
    """Show the records of all loggers from INFO on, and those of the talkative ones from DEBUG on."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[Lines()])
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it counts changes
    for name in talkative:
        logging.getLogger(name).setLevel(logging.DEBUG)
