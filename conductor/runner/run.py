"""One delivery of a task to a worker: its facts and its phase.

::

              begin               function ended, or time limit            prepared
    WAITING ─────────► EXECUTING ───────────────────────────────► REPORTING ────────► SENDING
       │ handed back       │ killed at the end of the drain
       └───────────────────┴──────► WITHDRAWN

A process that has died before its function began takes a run back from EXECUTING to WAITING.
"""

from __future__ import annotations

import enum
import threading
from typing import TYPE_CHECKING

from conductor._flag import Flag
from conductor.context import TaskContext
from conductor.delivery.lease import Lease
from conductor.models import Task

if TYPE_CHECKING:
    import asyncio


class Phase(enum.Enum):
    """The phases of a run. ``Run.move`` makes each change once, for the first caller that asks."""

    WAITING = enum.auto()
    """The function has not begun. The task can be handed back."""
    EXECUTING = enum.auto()
    """The function runs. At the end of a drain the log names the task, and no result is waited for."""
    REPORTING = enum.auto()
    """The result is prepared."""
    SENDING = enum.auto()
    """The result is sent, or waits for another attempt."""
    WITHDRAWN = enum.auto()
    """There is no result, because the function has not begun or was killed."""


NEVER_LOST = Flag()
"""Shared by tasks that cannot be found to be lost. A Flag per task would be a tenth of a task's cost."""


class Run:
    """A task that this worker has taken in. ``phase`` may be read from any thread. Only ``move`` writes it.

    received: the time of the delivery, on the runner's clock.
    lost: set when the result is not needed any more.
    lease: None if it is not extended.
    time_limit: the schedule's key of the time limit, while one counts.
    context: the function's; None before the function begins.
    coroutine: set while an ``async def`` function runs.
    is_logged: the log has a message about the begin, so it gets one about the end.
    """

    __slots__ = (
        "_moving",
        "context",
        "coroutine",
        "is_logged",
        "lease",
        "lost",
        "phase",
        "received",
        "task",
        "time_limit",
    )

    def __init__(self, task: Task, received: float, lost: Flag, lease: Lease | None) -> None:
        self.task = task
        self.received = received
        self.lost = lost
        self.lease = lease
        self.phase = Phase.WAITING
        self.time_limit: object = None
        self.context: TaskContext | None = None
        self.coroutine: asyncio.Task[None] | None = None
        self.is_logged = False
        self._moving = threading.Lock()  # guards phase

    def move(self, expected: Phase, to: Phase) -> bool:
        """Compare and set. Returns True if the phase was the expected one and is changed now."""
        with self._moving:
            if self.phase is not expected:
                return False
            self.phase = to
            return True

    @property
    def leased_at(self) -> float:
        """The time at which the current lease began."""
        return self.received if self.lease is None else self.lease.renewed_at
