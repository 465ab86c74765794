"""``task_context()``: information for a worker function about its task and its runner."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from conductor._flag import Flag
from conductor.errors import ConductorError
from conductor.models import Task, TaskExecLog
from conductor.task_result import log_entry


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """The part of a TaskContext that all tasks of a worker share.

    stopping: set when the worker begins to stop.
    """

    stopping: Flag


class TaskContext:
    """Information for a worker function about its task and its runner."""

    def __init__(self, task: Task, lost: Flag, shared: WorkerContext) -> None:
        self.logs: list[TaskExecLog] = []
        """The lines of ``log`` so far."""
        self.task = task
        """The task as it was polled."""
        self.stopping = shared.stopping
        """True when the worker begins to stop: finish soon. ``stopping.wait(seconds)`` blocks until then."""
        self.lost = lost
        """True when the result is not needed any more: a lease extension has found that the server does not know the
        task, or the time limit has passed. It has ``wait(seconds)`` too."""

    @property
    def task_id(self) -> str:
        return self.task.task_id

    @property
    def workflow_instance_id(self) -> str:
        return self.task.workflow_instance_id

    @property
    def task_name(self) -> str:
        return self.task.task_type or self.task.task_def_name or ""

    @property
    def retry_count(self) -> int:
        """The number of earlier tries of this step."""
        return self.task.retry_count or 0

    @property
    def poll_count(self) -> int:
        """How often this task was handed out, this time included."""
        return self.task.poll_count or 0

    def log(self, text: str) -> None:
        """Add a line to the task's log, which is sent with the result. Of more than ten lines the first are merged."""
        self.logs.append(log_entry(self.task.task_id, text))


BoundFunction = Callable[[TaskContext], Any]
"""A worker function with its arguments taken from the context. Of an ``async def`` function it returns an awaitable."""

current: ContextVar[TaskContext | None] = ContextVar("conductor_task_context", default=None)
"""Set by ``execute`` during a call."""


def current_task() -> TaskContext | None:
    """The context of the task that this thread or coroutine executes. None outside of a task."""
    return current.get()


def task_context() -> TaskContext:
    """``current_task()`` for code that runs only inside a worker function. Elsewhere it raises ConductorError."""
    context = current.get()
    if context is None:
        raise ConductorError("task_context() has a meaning only inside a worker function")
    return context
