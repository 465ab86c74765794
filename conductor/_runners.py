"""The runners of this process, for the pages and metrics that tell their health."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Protocol
from weakref import WeakSet

from conductor.health import merged

if TYPE_CHECKING:
    from conductor.health import Health


class Runner(Protocol):
    def look(self) -> Health: ...


_lock = threading.Lock()  # guards the next
_runners: WeakSet[Runner] = WeakSet()


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
