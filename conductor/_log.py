"""Logging that cannot break what it tells of."""

from __future__ import annotations

import contextlib
import logging
from typing import Any


class _Logger(logging.LoggerAdapter[logging.Logger]):
    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        with contextlib.suppress(Exception, SystemExit):  # of a user's handler or filter: its own affair
            super().log(level, msg, *args, **{"stacklevel": 2} | kwargs)


def logger_of(module: str) -> logging.LoggerAdapter[logging.Logger]:
    """The logger of that name. No result is lost, and no thread ends, because a line could not be written."""
    return _Logger(logging.getLogger(module), {})
