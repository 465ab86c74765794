"""Calling the user's function: whatever happens in there, an Outcome comes out. Knows no HTTP and decides no status."""

from __future__ import annotations

import time
from contextvars import ContextVar
from copy import copy
from typing import Any

from conductor._flag import Flag
from conductor.errors import ConductorError, NonRetryableError
from conductor.models import Task, TaskExecLog
from conductor.task_result import Outcome, log_entry
from conductor.worker import Execute

LONGEST_PATH = 150
"""Characters of a storage path that are shown: the reason has 500 in all."""


class PayloadElsewhereError(NonRetryableError):
    """A task came without its input, or without the output that it was put back with: the server has moved it."""


class TaskContext:
    """What a worker function can ask of the task it is executing, and of its runner."""

    def __init__(self, task: Task, stopping: Flag, lost: Flag) -> None:
        self._logs: list[TaskExecLog] = []
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
        self._logs.append(log_entry(self.task.task_id, text))


_current: ContextVar[TaskContext | None] = ContextVar("conductor_task_context", default=None)


def current_task() -> TaskContext | None:
    """The context of the task that this thread or coroutine is executing; None outside of one."""
    return _current.get()


def task_context() -> TaskContext:
    """``current_task()`` for code that runs only inside a worker function: elsewhere it raises ConductorError."""
    context = _current.get()
    if context is None:
        raise ConductorError("task_context() has a meaning only inside a worker function")
    return context


def execute(function: Execute, task: Task, stopping: Flag, lost: Flag) -> Outcome:
    """Call the function on this thread, with a copy: whatever it does to that, its end is told of this task."""
    context = TaskContext(task, stopping, lost)
    token = _current.set(context)
    started = time.perf_counter()
    try:
        _check_payloads(task)
        context.task = copy(task)
        return _outcome(context, started, value=function(context.task))
    except BaseException as error:  # noqa: BLE001 - sys.exit() in a function is its failure, not the process's end
        return _outcome(context, started, error=error)
    finally:
        _current.reset(token)


async def execute_async(function: Execute, task: Task, stopping: Flag, lost: Flag) -> Outcome:
    """Await the function in this coroutine, with a copy as well."""
    context = TaskContext(task, stopping, lost)
    _current.set(context)  # of this coroutine alone, and for good
    started = time.perf_counter()
    try:
        _check_payloads(task)
        context.task = copy(task)
        return _outcome(context, started, value=await function(context.task))
    except BaseException as error:  # noqa: BLE001 - as above, and a CancelledError of the function's own making
        return _outcome(context, started, error=error)


def _check_payloads(task: Task) -> None:
    """A function must not run on an input that is not there, as if it were empty."""
    paths = {"Input": task.external_input_payload_storage_path, "Output": task.external_output_payload_storage_path}
    for kind, path in paths.items():
        if path:
            raise PayloadElsewhereError(
                f"the task's {kind.lower()} lies in the server's external storage at {repr(path)[:LONGEST_PATH]}, where"
                " a worker cannot read it: it is larger than the server's setting"
                f" conductor.app.task{kind}PayloadSizeThreshold, 3,072 KiB by default"
            )


def _outcome(context: TaskContext, started: float, *, value: Any = None, error: BaseException | None = None) -> Outcome:
    return Outcome(value, error, tuple(context._logs), time.perf_counter() - started)  # noqa: SLF001 - its own module
