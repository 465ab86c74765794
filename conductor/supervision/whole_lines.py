"""Writes whole lines to a stream that several processes share."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

if sys.platform != "win32":
    import fcntl


class WholeLines(logging.StreamHandler):  # type: ignore[type-arg]  # it has no parameter at run time
    """A handler for standard error.

    turn: the descriptor of a file that all processes have inherited. The process that has locked it writes. The system
    unlocks it when a process dies. None: this process alone writes.
    """

    def __init__(self, turn: int | None = None) -> None:
        super().__init__()
        self._turn = turn

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record) + self.terminator
            with _locked(self._turn):
                self.stream.write(line)
                self.flush()
        except Exception:  # noqa: BLE001 - as every handler of logging
            self.handleError(record)


@contextmanager
def _locked(descriptor: int | None) -> Iterator[None]:
    if sys.platform == "win32" or descriptor is None:
        yield
    else:
        fcntl.lockf(descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(descriptor, fcntl.LOCK_UN)
