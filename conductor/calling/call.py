"""One call of a worker's function, and the errors of calls that have no outcome."""

from __future__ import annotations

from typing import Protocol

from conductor._flag import Flag
from conductor.context import TaskContext
from conductor.models import Task


class Call(Protocol):
    """task: passed to the function. lost: set when the result is not needed any more.

    received: the time of the delivery, on the runner's clock. context: set by the caller just before the function.
    """

    context: TaskContext | None

    @property
    def task(self) -> Task: ...
    @property
    def lost(self) -> Flag: ...
    @property
    def received(self) -> float: ...


class NotBegunError(Exception):
    """The function has not begun. Its task can be handed back."""


class ProcessDiedError(Exception):
    """The process in which the function ran has ended. seconds: the duration of the call."""

    seconds = 0.0


class KilledError(Exception):
    """The function was killed at the end of the drain."""
