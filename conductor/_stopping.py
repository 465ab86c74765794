"""The workers of this process that are stopping, and who wants to know.

A poll that waits at a server must be awaited, since a task may be in its answer. A server in the same process, as tests
have it, need not let it wait: it looks here. Nothing else in the package does.
"""

from __future__ import annotations

from collections.abc import Callable

Poller = tuple[str, str, str | None]
"""worker_id, task_name and domain, as in a poll."""

_stopping: dict[object, Poller] = {}  # by the worker itself; no lock: each operation is atomic, and a fork may copy it
_listeners: list[Callable[[], None]] = []


def begin(worker: object, poller: Poller) -> None:
    """Tell that a worker polls no more, but for a poll that may be under way."""
    _stopping[worker] = poller
    for listener in _listeners.copy():
        listener()


def end(worker: object) -> None:
    """Tell that no poll of its is under way. Repeating it changes nothing."""
    _stopping.pop(worker, None)


def is_stopping(poller: Poller) -> bool:
    """Whether a worker that polls so is stopping; another one that polls the same way may go on."""
    return poller in list(_stopping.values())


def listen(listener: Callable[[], None]) -> None:
    """Call the listener, without arguments, whenever a worker begins to stop, on that thread. It must not raise."""
    _listeners.append(listener)


def unlisten(listener: Callable[[], None]) -> None:
    """Call it no more."""
    _listeners.remove(listener)
