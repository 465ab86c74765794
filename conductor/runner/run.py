"""A task on its way through one worker: its facts, and how far it has come.

::

              begin               function ended, or time limit
    WAITING ─────────► EXECUTING ───────────────────────────────► REPORTING
       │ put back          │ killed at the end of the drain
       └───────────────────┴──────► WITHDRAWN
"""

from __future__ import annotations

import enum
import threading
from typing import TYPE_CHECKING

from conductor._flag import Flag
from conductor.delivery.lease import Lease
from conductor.models import Task

if TYPE_CHECKING:
    import asyncio


class Phase(enum.Enum):
    """Each move is made once, by the party that asked first."""

    WAITING = enum.auto()
    """Its function has not begun: it can be handed back."""
    EXECUTING = enum.auto()
    """Its function runs: at the end of a drain it is named, and left to its lease."""
    REPORTING = enum.auto()
    """Its result is made ready or sent."""
    WITHDRAWN = enum.auto()
    """It has no result: its function has not begun, or was killed."""


NEVER_LOST = Flag()
"""For tasks of which nobody would find out that they are lost; a Flag for each would be a tenth of their cost."""


class Run:
    """One delivery of a task. ``phase`` may be read from any thread and is written by ``move`` alone.

    received: on the runner's clock. lost: set when nobody waits for its result any more. lease: None where it is not
    extended. time_limit: the schedule's key, once its function has begun. coroutine: of an ``async def`` function.
    is_logged: the log has a line of its begin, and gets one of its end.
    """

    __slots__ = ("_moving", "coroutine", "is_logged", "lease", "lost", "phase", "received", "task", "time_limit")

    def __init__(self, task: Task, received: float, lost: Flag, lease: Lease | None) -> None:
        self.task = task
        self.received = received
        self.lost = lost
        self.lease = lease
        self.phase = Phase.WAITING
        self.time_limit: object = None
        self.coroutine: asyncio.Task[None] | None = None
        self.is_logged = False
        self._moving = threading.Lock()  # guards phase

    def move(self, expected: Phase, to: Phase) -> bool:
        """Compare and set: returns whether the phase was the expected one, and the move is the caller's."""
        with self._moving:
            if self.phase is not expected:
                return False
            self.phase = to
            return True

    @property
    def leased_at(self) -> float:
        """When its lease began."""
        return self.received if self.lease is None else self.lease.renewed_at
