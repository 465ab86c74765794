"""The runners of this process: for the pages and metrics that tell their health, and for commands that allow none."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol
from weakref import WeakSet

from conductor.errors import ConfigurationError
from conductor.health import merged

if TYPE_CHECKING:
    from conductor.health import Health


class Runner(Protocol):
    def look(self) -> Health: ...


_lock = threading.Lock()  # guards the next
_runners: WeakSet[Runner] = WeakSet()
_for_a_command: ContextVar[bool] = ContextVar("_for_a_command", default=False)


@contextmanager
def import_for_a_command() -> Iterator[None]:
    """Meanwhile, ``require_no_import`` raises. Such an import must not run tasks: it may be that of a check."""
    token = _for_a_command.set(True)
    try:
        yield
    finally:
        _for_a_command.reset(token)


def require_no_import() -> None:
    """ConfigurationError while a command imports the module that calls this."""
    if _for_a_command.get():
        raise ConfigurationError(
            'a runner is started while its module is imported: move that below `if __name__ == "__main__":`'
        )


def add(runner: Runner) -> None:
    """Tell its health from now on, for as long as it exists. Repeating it changes nothing."""
    with _lock:
        _runners.add(runner)


def health() -> Health:
    """The health of all runners of this process as one."""
    with _lock:
        runners = list(_runners)
    return merged(runner.look() for runner in runners)


def _after_fork() -> None:
    """A thread of the parent may have held the lock, and its runners do not run in the child."""
    global _lock, _runners
    _lock, _runners = threading.Lock(), WeakSet()


if sys.platform != "win32":  # where nothing forks
    os.register_at_fork(after_in_child=_after_fork)
