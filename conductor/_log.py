"""Loggers that cannot disturb a task. Each message is one line of limited length, and has the ids of its task.

Texts in a line may come from a server or from a function. None of them can begin a new line, move the cursor, change
the direction of writing or fill the disk: ``printable`` is applied to all.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any, Protocol

LONGEST_TEXT = 1_000
"""Characters of one text in a log message."""

_IDS_IN_TEXT = " (task_id='%s' workflow_instance_id='%s')"


class HasIds(Protocol):
    """A Task or a TaskResult."""

    @property
    def task_id(self) -> str: ...
    @property
    def workflow_instance_id(self) -> str: ...


def printable(text: str, longest: int = LONGEST_TEXT) -> str:
    """The text as one line. Characters that cannot be printed are escaped, and a long text is cut.

    Control characters, line ends, escape sequences of terminals and changes of the direction of writing are escaped.
    """
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    if text.isprintable():
        return text
    escaped = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
    return escaped if len(escaped) <= longest else escaped[: longest - 1] + "…"


def about(task_name: str, ids: HasIds, retry_count: int | None) -> dict[str, object]:
    """The attributes of each record about a task, for ``extra=``. The text of the message ends with the ids.

    retry_count: None if it is not known.
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
        except BaseException as error:  # of a user's handler or filter
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
            self.logger.log(level, msg, *args, **more)  # a user's record factory sets these attributes


def _shown(value: object) -> object:
    """A number as it is, because the message formats it. Any other value as text."""
    if value is None or isinstance(value, int | float):
        return value
    try:
        return printable(str(value))
    except Exception:  # noqa: BLE001 - a user's __str__ may raise any error
        return type(value).__name__


def logger_of(module: str) -> logging.LoggerAdapter[logging.Logger]:
    """The logger of a module. A failure to write a message loses no result and ends no thread."""
    return _Logger(logging.getLogger(module), {})
