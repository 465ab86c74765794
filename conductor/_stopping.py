"""The workers of this process that are stopping, for a server in the same process.

A runner must await its open poll, because a task may be in the answer. A server in the same process, as in tests, looks
here and ends such a poll at once.
"""

from __future__ import annotations

from collections.abc import Callable

Poller = tuple[str, str, str | None]
"""worker_id, task_name and domain, as in a poll."""

_stopping: dict[object, Poller] = {}  # by the worker itself; no lock: each operation is atomic, and a fork may copy it
_listeners: list[Callable[[], None]] = []


def begin(worker: object, poller: Poller) -> None:
    """A worker begins to stop. One poll of it may be under way."""
    _stopping[worker] = poller
    for listener in _listeners.copy():
        listener()


def end(worker: object) -> None:
    """No poll of the worker is under way any more. Repeating it changes nothing."""
    _stopping.pop(worker, None)


def is_stopping(poller: Poller) -> bool:
    """Whether a worker with this poller is stopping. Another worker with the same poller may still run."""
    return poller in list(_stopping.values())


def listen(listener: Callable[[], None]) -> None:
    """Call the listener when a worker begins to stop, on the thread that stops it. It must not raise."""
    _listeners.append(listener)


def unlisten(listener: Callable[[], None]) -> None:
    """Do not call the listener any more."""
    _listeners.remove(listener)
