"""Log records of a process on their way to its parent's handlers: as JSON, through a pipe.

The level of a logger is the parent's. Handlers that a process's imports have set up are taken away there, because most
of them are those of the parent: each record would be written twice.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection

import msgspec

from conductor._log import about
from conductor.context import current_task
from conductor.task_result import as_valid_unicode

RECORD = b"r"
"""The first byte of a message that is a record."""
LONGEST_TEXT = 65_536
"""Characters of each text of a record."""

LEVELS_LAST = 1.0
"""Seconds after which the levels are looked at again."""

_BY_THEIR_TEXT = ("msg", "args", "exc_info", "exc_text")
_formatter = logging.Formatter()
_decoder = msgspec.json.Decoder(dict[str, object])


def levels() -> dict[str, int]:
    """The levels that are set in this process, by the name of their logger; that of the root is under ``root``."""
    loggers = list(logging.root.manager.loggerDict.items())
    own = {name: logger.level for name, logger in loggers if isinstance(logger, logging.Logger) and logger.level}
    return own | {logging.root.name: logging.root.level}


class Levels:
    """The levels of this process's loggers. Thread-safe: at worst, two threads look at once."""

    def __init__(self) -> None:
        self._known = levels()
        self._next_look = 0.0  # on the monotonic clock

    def look(self) -> dict[str, int]:
        """At most a second old. The same object as before, unless they have changed."""
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + LEVELS_LAST
            found = levels()
            if found != self._known:
                self._known = found
        return self._known


class RecordSender(logging.Handler):
    """The handler of a process: it sends each record to the parent, and waits while the pipe is full.

    A record that is logged inside a task has the ids of the task as attributes.
    """

    def __init__(self, pipe: Connection, task_name: str) -> None:
        super().__init__()
        self._pipe = pipe
        self._task_name = task_name

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.tell(RECORD, msgspec.json.encode(self._members(record)))
        except Exception:  # noqa: BLE001 - a handler keeps its errors to itself, as logging asks
            self.handleError(record)

    def tell(self, kind: bytes, content: bytes = b"") -> None:
        """Send a message through the pipe, which records may be using on other threads."""
        self.acquire()  # the lock that logging holds during emit; the thread may take it twice
        try:
            self._pipe.send_bytes(kind + content)
        finally:
            self.release()

    def handle_all(self, levels_of_parent: Mapping[str, int]) -> None:
        """Make this the only handler in this process."""
        loggers = [each for each in logging.root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
        for logger in (logging.root, *loggers):
            for handler in list(logger.handlers):
                logger.removeHandler(handler)
            logger.propagate = True
        logging.root.addHandler(self)
        set_levels(levels_of_parent)

    def _members(self, record: logging.LogRecord) -> dict[str, object]:
        members = {str(name): _simple(value) for name, value in vars(record).items() if name not in _BY_THEIR_TEXT}
        members["msg"] = _text(record.getMessage())
        error = record.exc_text or (_formatter.formatException(record.exc_info) if record.exc_info else None)
        members["exc_text"] = _simple(error)
        context = current_task()
        if context is not None:
            ids = about(self._task_name, context, context.retry_count)
            members = {name: _simple(value) for name, value in ids.items()} | members
        return members


def set_levels(levels_of_parent: Mapping[str, int]) -> None:
    """Give all loggers of this process the level that they have in the parent."""
    for logger in list(logging.root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger) and logger.level and logger.name not in levels_of_parent:
            logger.setLevel(logging.NOTSET)
    for name, level in levels_of_parent.items():
        logging.getLogger(name).setLevel(level)


def hand_on(content: bytes) -> None:
    """Give a record of a process to the handlers of this one."""
    record = logging.makeLogRecord(_decoder.decode(content))
    with suppress(BaseException):  # of a user's handler or filter: its own affair
        logger = logging.getLogger(record.name)
        if logger.isEnabledFor(record.levelno):
            logger.handle(record)


def _simple(value: object) -> object:
    return value if value is None or type(value) in (bool, int, float) else _text(value)


def _text(value: object) -> str:
    try:
        text = as_valid_unicode(value)
    except Exception:  # noqa: BLE001 - an object of the user's, whose text cannot be made
        text = type(value).__name__
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
