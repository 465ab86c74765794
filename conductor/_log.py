"""Log lines that cannot break what they tell of: each is one line, of bounded length, and has the ids of its task.

Texts in a line may come from a server or from a function. None of them can begin a new line, move the cursor, change
the direction of writing or fill the disk: ``printable`` is applied to all.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any, Protocol

LONGEST_TEXT = 1_000
"""Characters that a log line shows of one text."""

_IDS_IN_TEXT = " (task_id='%s' workflow_instance_id='%s')"


class HasIds(Protocol):
    """A Task or a TaskResult."""

    @property
    def task_id(self) -> str: ...
    @property
    def workflow_instance_id(self) -> str: ...


def printable(text: str, longest: int = LONGEST_TEXT) -> str:
    """The text as it is, but one line: what cannot be printed is escaped, and what is too long is cut.

    Escaped are control characters, line ends, the escape sequences of terminals, and what changes the direction of
    writing.
    """
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    if text.isprintable():
        return text
    escaped = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
    return escaped if len(escaped) <= longest else escaped[: longest - 1] + "…"


def about(task_name: str, ids: HasIds, retry_count: int | None) -> dict[str, object]:
    """The attributes that every record about a task has, for ``extra=``. The line's text ends with the ids.

    retry_count: None where it is not known.
    """
    return {
        "task_name": task_name,
        "task_id": ids.task_id,
        "workflow_instance_id": ids.workflow_instance_id,
        "retry_count": retry_count,
    }


class _Logger(logging.LoggerAdapter[logging.Logger]):
    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        try:
            self._write(level, msg, args, {"stacklevel": 3} | kwargs)
        except BaseException as error:  # of a user's handler or filter: its own affair
            if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():  # Ctrl-C
                raise

    def _write(self, level: int, msg: object, args: tuple[object, ...], more: dict[str, Any]) -> None:
        if not self.isEnabledFor(level):
            return
        extra: Mapping[str, object] = more.pop("extra", {})
        if "task_id" in extra:
            msg, args = f"{msg}{_IDS_IN_TEXT}", (*args, extra["task_id"], extra["workflow_instance_id"])
        args = tuple(map(_shown, args))
        try:
            self.logger.log(level, msg, *args, extra={name: _shown(extra[name]) for name in extra}, **more)
        except KeyError as error:
            if "overwrite" not in str(error):
                raise
            self.logger.log(level, msg, *args, **more)  # a user's record factory has set such attributes itself


def _shown(value: object) -> object:
    """Numbers are formatted by the line; all else is text."""
    if value is None or isinstance(value, int | float):
        return value
    try:
        return printable(str(value))
    except Exception:  # noqa: BLE001 - an error of the user's, whose text cannot be made
        return type(value).__name__


def logger_of(module: str) -> logging.LoggerAdapter[logging.Logger]:
    """The logger of that name. No result is lost, and no thread ends, because a line could not be written."""
    return _Logger(logging.getLogger(module), {})
