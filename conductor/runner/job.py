"""A delivered task on its way through one worker."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from conductor._flag import Flag
from conductor.models import Task

if TYPE_CHECKING:
    from conductor.delivery.lease import Lease


NEVER = Flag()
"""For tasks of which nobody would find out that they are lost; an Event each would be a tenth of what they cost."""


class Job:
    """The task, when it was received (on the runner's clock), and who may tell its end.

    lease: set where the worker extends leases. interrupt: asks the function to stop, if it can be asked.
    cancel: has what an executor has not begun with handed back; returns whether it did.
    is_logged: the log has a line of its begin, and gets one of its end.
    """

    def __init__(self, task: Task, received: float, can_be_lost: bool) -> None:
        self.task = task
        self.received = received
        self.lost = Flag() if can_be_lost else NEVER
        self.lease: Lease | None = None
        self.time_limit: object = None
        self.interrupt: Callable[[], object] = bool  # bool() is False: nothing is done
        self.cancel: Callable[[], bool] = bool
        self._lock = threading.Lock()  # guards has_begun and is_claimed
        self.has_begun = False
        self.is_logged = False
        self.is_claimed = False

    def begin(self) -> bool:
        """Whether the function may run: not when the task was taken back meanwhile."""
        with self._lock:
            self.has_begun = not self.is_claimed
            return self.has_begun

    def claim(self) -> bool:
        """Whether the caller is the first, and so tells the end: the function, or its time limit."""
        with self._lock:
            first, self.is_claimed = not self.is_claimed, True
            return first

    def take_back(self) -> bool:
        """``claim`` what has not begun."""
        with self._lock:
            taken = not (self.has_begun or self.is_claimed)
            self.is_claimed |= taken
            return taken

    @property
    def leased_at(self) -> float:
        """When its lease began."""
        return self.received if self.lease is None else self.lease.renewed_at

    def sending(self) -> AbstractContextManager[None]:
        """Around an attempt to send its result."""
        return nullcontext() if self.lease is None else self.lease.update()

    def end_lease(self) -> None:
        if self.lease is not None:
            self.lease.end()
