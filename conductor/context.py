"""``task_context()``: information for a worker function about its task and its runner, and notes to its server."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from conductor import models
from conductor._arguments import LONGEST, Duration, seconds
from conductor._clock import Clock, MonotonicClock
from conductor._flag import Flag
from conductor._notes import NOTHING, FinalNotes, Listener, Notes
from conductor.errors import ConductorError, ConfigurationError, NonRetryableError
from conductor.models import Task, TaskResultStatus
from conductor.task_result import LARGEST_OUTPUT, SetOutput, TaskResult, log_entry, sized_output

_CLOSED = Notes(Task("", ""), None)
"""The notes of an execution that has given none until its end."""
_CLOSED.end()


class RunnerState:
    """The value of a runner's lifespan, or the reason why there is none."""

    def __init__(self, reason: str) -> None:
        self._reason = reason
        self._current: tuple[Any, ...] = ()  # with the value as its only member, while there is one

    def set(self, value: Any) -> None:
        self._current = (value,)

    def clear(self) -> None:
        self._current = ()

    def get(self) -> Any:
        """The value. ConductorError if there is none."""
        for value in self._current:
            return value
        raise ConductorError(f"task_context().state: {self._reason}")


NO_LIFESPAN = RunnerState("the runner has no lifespan: TaskRunner(lifespan=…)")


@dataclass(slots=True)
class WorkerContext:
    """The part of a TaskContext that all tasks of a worker share.

    stopping: set when the worker begins to stop. timeout: the worker's time limit in seconds. lease_extension: whether
    leases are extended. listener: is called for the notes of running functions; None: the notes are read at their end.
    largest_output: bytes of JSON. state: of the runner.
    """

    stopping: Flag
    worker_id: str = ""
    timeout: float | None = None
    lease_extension: bool = False
    clock: Clock = field(default_factory=MonotonicClock)
    listener: Listener | None = None
    largest_output: int = LARGEST_OUTPUT
    state: RunnerState = NO_LIFESPAN


class TaskContext:
    """Information for a worker function about its task and its runner, and ways to tell the server something.

    It may be used on every thread and in every coroutine that the function starts, until the function ends.
    """

    notes: Notes | None = None
    """For the runner. None until the function logs or sets something."""

    def __init__(self, task: Task, lost: Flag, shared: WorkerContext, received: float | None = None) -> None:
        """received: the time of the delivery, on the worker's clock. None: it is not known."""
        self.task = task
        """The task as it was polled."""
        self.stopping = shared.stopping
        """True when the worker begins to stop: finish soon. ``stopping.wait(seconds)`` blocks until then, and
        ``await stopping.wait_async(seconds)`` waits in a coroutine. Both return whether it is true."""
        self.lost = lost
        """True when the result is not needed any more: a lease extension has found that the server does not know the
        task, or the time limit has passed. It has ``wait`` and ``wait_async`` too."""
        self._polled = task  # the function gets a copy, and may change it
        self._shared = shared
        self._received = received
        self._began = shared.clock.now() if shared.timeout is not None else 0.0

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
    def worker_id(self) -> str:
        """The name of the poller that the server shows for this task."""
        return self._shared.worker_id or self.task.worker_id or ""

    @property
    def retry_count(self) -> int:
        """The number of earlier tries of this step."""
        return self.task.retry_count or 0

    @property
    def poll_count(self) -> int:
        """The number of deliveries of this task, this one included."""
        return self.task.poll_count or 0

    @cached_property
    def deadline(self) -> datetime | None:
        """The time after which the result is of no use, in UTC. None if there is no such time.

        It is the earliest of: the end of the worker's ``timeout``; the end of the lease (responseTimeoutSeconds after
        the delivery), unless the worker has ``lease_extension``; the end of the definition's timeoutSeconds, if the
        task brings its definition. It does not change while the function runs.
        """
        left = self._left()
        return None if left is None else datetime.now(UTC) + timedelta(seconds=max(-LONGEST, min(left, LONGEST)))

    def seconds_left(self) -> float | None:
        """The seconds until ``deadline``, and 0.0 after it. None if there is none. A change of the date has no effect.

        Use it as the timeout of a request: ``http.get(url, timeout=task_context().seconds_left())``.
        """
        left = self._left()
        return None if left is None else max(0.0, left)

    @property
    def state(self) -> Any:
        """The value of the runner's ``lifespan``, for example a database pool. All tasks of the runner share it.

        ConductorError: the runner has no lifespan, or the function runs in a process of a ``process_pool``.
        """
        return self._shared.state.get()

    def log(self, text: str) -> None:
        """Add a line to the task's log at the server.

        Lines are sent while the function runs: once a second, all new lines as one entry. The rest is sent with the
        result. This method does not wait for a request. If lines come faster than they can be sent, some are left out,
        and the log says how many: 1,000 lines and 65,536 characters of a task may wait. Lines that come after the end
        of the function are dropped.
        """
        self.writable_notes().add([log_entry(self._polled.task_id, text)])

    def set_output(self, output: object) -> None:
        """Set the output of the task for the case that the function returns None, raises or exceeds its time limit.

        output: any value that a worker function may return, except a TaskResult. It is converted now, so later changes
            of the value do not count. The last call counts.

        NonRetryableError: the value cannot be sent. If the function lets it pass, the task fails as it does when such a
            value is returned.
        """
        if isinstance(output, models.TaskResult):
            raise ConfigurationError("output must be a value that becomes the output, not a TaskResult: return it")
        try:
            data, size = sized_output(output, self._shared.largest_output)
        except ConfigurationError as error:
            raise NonRetryableError(f"the output cannot be sent: {error}") from None
        self.writable_notes().set_output(SetOutput(data, size))

    def in_progress(self, callback_after: Duration, output: object = None) -> TaskResult:
        """Make the result of a task that is not finished: ``return task_context().in_progress(60)``.

        The server delivers the task again after ``callback_after`` (seconds or timedelta, rounded up), to any worker.
        The function's next execution finds the output in ``task.output_data``.

        output: the output until then. None: the one of ``set_output``, or else the task's present output.

        If the function then returns None, as with a forgotten ``return``, this result counts as well. If it returns
        another value, the value counts, and a warning is logged. ConfigurationError: callback_after is no duration.
        """
        seconds("callback_after", callback_after)
        notes = self.writable_notes()
        if output is None:
            output = self.task.output_data if notes.output is None else notes.output.data
        result = TaskResult(
            self._polled.task_id,
            self._polled.workflow_instance_id,
            TaskResultStatus.IN_PROGRESS,
            output_data=output,
            callback_after_seconds=callback_after,
        )
        notes.put_off(result)
        return result

    def _left(self) -> float | None:
        """The seconds until the deadline, negative after it."""
        ends_at = _end_of(self._polled, self._received, self._began, self._shared)
        return None if ends_at is None else ends_at - self._shared.clock.now()

    def end(self) -> FinalNotes:
        """For the runner: the function has ended, or is not waited for any more. Repeating it returns the same."""
        notes: Notes = vars(self).setdefault("notes", _CLOSED)  # atomic: another thread may begin to log
        return NOTHING if notes is _CLOSED else notes.end()

    def writable_notes(self) -> Notes:
        """For the runner: the notes, which are made at the first call."""
        if self.notes is not None:
            return self.notes
        behind = _seconds_behind(self._polled, self._received, self._shared.clock)
        notes: Notes = vars(self).setdefault("notes", Notes(self._polled, self._shared.listener, behind))
        return notes


def _seconds_behind(task: Task, received: float | None, clock: Clock) -> float:
    """The seconds at least by which this machine's clock is behind the server's, which dated the delivery."""
    if received is None or not task.update_time:
        return 0.0
    return max(0.0, task.update_time / 1000 - (time.time() - (clock.now() - received)))


def _end_of(task: Task, received: float | None, began: float, shared: WorkerContext) -> float | None:
    """The deadline on the worker's clock."""
    ends = []
    if shared.timeout is not None:
        ends.append(began + shared.timeout)
    if received is not None:
        if task.response_timeout_seconds > 0 and not shared.lease_extension:
            ends.append(received + task.response_timeout_seconds)
        limit = _timeout_of_definition(task)
        if limit > 0:
            ends.append(received + limit - _age(task))
    return min(ends, default=None)


def _timeout_of_definition(task: Task) -> float:
    """TimeoutSeconds of the task's definition; 0 if there is none."""
    definition = task.task_definition or (task.workflow_task and task.workflow_task.task_definition)
    return (definition.timeout_seconds or 0) if definition else 0


def _age(task: Task) -> float:
    """The part of timeoutSeconds that has passed at the delivery, by the server's own clock (3.32.3).

    It counts from the first delivery of the task, and the server updates the task at each delivery.
    """
    if not task.start_time or not task.update_time:
        return 0.0
    return (task.update_time - task.start_time) / 1000 - task.start_delay_in_seconds


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
