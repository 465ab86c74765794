"""``task_context()``: a worker function's view of the task that it executes, and of its runner."""

from __future__ import annotations

from contextvars import ContextVar

from conductor._flag import Flag
from conductor.errors import ConductorError
from conductor.models import Task, TaskExecLog
from conductor.task_result import log_entry


class TaskContext:
    """What a worker function can ask of the task it is executing, and of its runner."""

    def __init__(self, task: Task, stopping: Flag, lost: Flag) -> None:
        self.logs: list[TaskExecLog] = []
        """The lines of ``log`` so far."""
        self.task = task
        """The task as it was polled."""
        self.stopping = stopping
        """True once the worker is asked to stop: finish soon. ``stopping.wait(seconds)`` sleeps until then."""
        self.lost = lost
        """True once nobody waits for this task's result any more: the server knows the task no longer (as its lease
        extension found), or its time limit has passed. Also waitable."""

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
        """How many tasks of this step were tried before this one."""
        return self.task.retry_count or 0

    @property
    def poll_count(self) -> int:
        """How often this task was handed out, this time included."""
        return self.task.poll_count or 0

    def log(self, text: str) -> None:
        """Add a line to the task's log. It goes out with the result; of more than ten the first are merged."""
        self.logs.append(log_entry(self.task.task_id, text))


current: ContextVar[TaskContext | None] = ContextVar("conductor_task_context", default=None)
"""Set by ``execute``, for the time of a call."""


def current_task() -> TaskContext | None:
    """The context of the task that this thread or coroutine is executing; None outside of one."""
    return current.get()


def task_context() -> TaskContext:
    """``current_task()`` for code that runs only inside a worker function: elsewhere it raises ConductorError."""
    context = current.get()
    if context is None:
        raise ConductorError("task_context() has a meaning only inside a worker function")
    return context
