"""Makes the TaskResult from the outcome of a call. It never fails, and does no I/O."""

from __future__ import annotations

import inspect
import math
import time
import traceback
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

import msgspec

from conductor import models
from conductor._arguments import Duration, require_instances, seconds
from conductor._output import output_data
from conductor.errors import ConfigurationError, InvalidInputError, NonRetryableError
from conductor.models import Task, TaskExecLog, TaskResultStatus

LONGEST_REASON = 500  # characters; the server cuts there (3.32.3)
MOST_LOGS = 10  # entries per result; the server drops the rest (3.32.3: taskExecLogSizeLimit)
LARGEST_OUTPUT = 10_240 * 1024
"""Bytes of JSON; for more the server fails the task for good (3.32.3: maxTaskOutputPayloadSizeThreshold)."""
LONGEST_TRACEBACK = 16_000  # characters, from its end, where the error stands

R = TypeVar("R", bound=models.TaskResult)


class _TaskResult(models.TaskResult):
    # With a function as its factory, msgspec writes the member even if it holds its default. The server needs a status,
    # and takes a missing workerId for "none".
    status: TaskResultStatus = msgspec.field(default_factory=lambda: TaskResultStatus.COMPLETED)
    output_data: Any = msgspec.field(default_factory=dict)


class TaskResult(_TaskResult, kw_only=True):
    """The result of a task, as it is sent. A worker function returns one to set more than the output.

    The fields are those of the wire in snake_case. ``output_data`` may hold any value that a worker function may return
    (the table in conductor/_output.py). ``callback_after_seconds`` (seconds or timedelta, rounded up) counts with
    IN_PROGRESS: the server delivers the task again after that time, to any worker. The runner copies a returned result,
    and sets the copy's ``task_id``, ``workflow_instance_id`` and ``worker_id``.
    """

    worker_id: str = msgspec.field(default_factory=lambda: "")
    logs: list[TaskExecLog] = msgspec.field(default_factory=list)
    callback_after_seconds: Duration = 0  # type: ignore[assignment]

    @classmethod
    def from_task(cls, task: Task) -> TaskResult:
        """A COMPLETED result of the task, without output."""
        return cls(task.task_id, task.workflow_instance_id, worker_id=task.worker_id or "")

    def add_log(self, text: str) -> None:
        """Append a line to the task's log, with this machine's time. The server keeps ten entries per result."""
        self.logs.append(log_entry(self.task_id, text))


class SetOutput(NamedTuple):
    """An output in plain JSON values. size: in bytes of JSON."""

    data: dict[str, Any]
    size: int


class CallOutcome(NamedTuple):
    """The outcome of a call.

    value or error: the return value or the exception. logs: the lines of ``log`` that are not sent yet. output: of
    ``set_output``. It counts if the value is None, and goes with a failure. seconds: the duration.
    """

    value: Any = None
    error: BaseException | None = None
    logs: Sequence[TaskExecLog] = ()
    seconds: float = 0.0
    output: SetOutput | None = None


class PreparedResult(NamedTuple):
    """A result that is ready to be sent.

    size: of the output, in bytes of JSON. seconds: the duration of the call. error: the class of the exception, or of
    the problem with the return value.
    """

    result: TaskResult
    size: int
    seconds: float
    error: str | None = None


class OversizeOutput(ConfigurationError):  # noqa: N818 - says what it is
    """size, largest: in bytes of JSON. name: of the output, for the text."""

    def __init__(self, size: int, largest: int, name: str) -> None:
        limit = f"a server takes {largest}" if largest == LARGEST_OUTPUT else f"max_size is {largest}"
        super().__init__(f"{name or 'an output'} of {size} bytes of JSON, where {limit}")
        self.size = size


def log_entry(task_id: str, text: str) -> TaskExecLog:
    return TaskExecLog(log=as_valid_unicode(text), task_id=task_id, created_time=models.milliseconds(time.time()))


def prepare_result(
    task: Task, outcome: CallOutcome, worker_id: str, largest_output: int = LARGEST_OUTPUT
) -> PreparedResult:
    """Make the result of an outcome. Never raises. largest_output: bytes; a larger output fails the task for good."""
    error_class = None if outcome.error is None else type(outcome.error).__name__
    try:
        if outcome.error is None:
            result, size = _returned(task, outcome, largest_output)
        else:
            result, size = _raised(task, outcome)
    except BaseException as error:  # noqa: BLE001 - reading a returned value may run any code of the user
        problem = str(error) if isinstance(error, ConfigurationError) else _describe(error)
        reason = f"the result cannot be sent: {problem}"
        terminal = TaskResultStatus.FAILED_WITH_TERMINAL_ERROR
        result = failed(task.task_id, task.workflow_instance_id, reason, terminal)
        size = error.size if isinstance(error, OversizeOutput) else 2
        if outcome.output is not None:
            result.output_data = outcome.output.data
        error_class = type(error).__name__
    result.worker_id = worker_id
    if outcome.logs or result.logs:
        result.logs = at_most_ten([*outcome.logs, *result.logs])
    return PreparedResult(result, size, outcome.seconds, error_class)


def _returned(task: Task, outcome: CallOutcome, largest_output: int) -> tuple[TaskResult, int]:
    value = outcome.value
    if value is None and outcome.output is not None:
        data, size = outcome.output
        return TaskResult(task.task_id, task.workflow_instance_id, output_data=data), size
    if inspect.iscoroutine(value):
        value.close()
        raise ConfigurationError("the function returned a coroutine: give the runner the `async def` itself")
    if not isinstance(value, models.TaskResult):
        if isinstance(value, list | tuple) and any(isinstance(each, models.TaskResult) for each in value[:2]):
            kind = type(value).__name__  # as a worker in Go returns it beside an error
            raise ConfigurationError(f"return the TaskResult alone: the function returned a {kind} with one in it")
        data, size = sized_output(value, largest_output)
        return TaskResult(task.task_id, task.workflow_instance_id, output_data=data), size
    if value.status not in TaskResultStatus.__members__.values():
        raise ConfigurationError(f"status {value.status!r} is not one of {', '.join(TaskResultStatus)}")
    data, size = sized_output(value.output_data, largest_output)
    result = copy_to_send(
        value if isinstance(value, TaskResult) else TaskResult(**msgspec.structs.asdict(value)),
        task_id=task.task_id,
        workflow_instance_id=task.workflow_instance_id,
        status=TaskResultStatus(value.status),
        output_data=data,
        extend_lease=None,  # if it is set, the server ignores the rest of the result
    )
    msgspec.json.encode(result)  # raises if one of the other fields cannot be sent
    return result, size


def copy_to_send(result: R, **members: Any) -> R:
    """A copy with these members. Members with values of the user are converted to their form on the wire.

    ConfigurationError names a member that cannot be converted.
    """
    logs = require_instances("logs", result.logs or [], TaskExecLog)
    return msgspec.structs.replace(
        result,
        callback_after_seconds=whole_seconds(result.callback_after_seconds or 0),
        reason_for_incompletion=sendable_reason(result.reason_for_incompletion),
        logs=[msgspec.structs.replace(entry, log=as_valid_unicode(entry.log)) for entry in logs],
        **members,
    )


def sized_output(value: Any, largest: int, name: str = "") -> tuple[dict[str, Any], int]:
    """The output in plain JSON values, and its size. ConfigurationError, with the name, if it cannot be sent."""
    data, size = output_data(value, name)
    if size > largest:
        raise OversizeOutput(size, largest, name)
    return data, size


def _raised(task: Task, outcome: CallOutcome) -> tuple[TaskResult, int]:
    error = outcome.error
    assert error is not None  # noqa: S101 - for the type checker; the caller has checked it
    result, size = failed(task.task_id, task.workflow_instance_id, _describe(error)), 2
    if outcome.output is not None:
        result.output_data, size = outcome.output
    try:
        if any(isinstance(cause, NonRetryableError) for cause in _causes(error)):
            result.status = TaskResultStatus.FAILED_WITH_TERMINAL_ERROR
        # If the input does not fit, the user's function has no frame.
        frames = None if isinstance(error, InvalidInputError) else _frames_of_user(error)
        lines = traceback.format_exception(type(error), error, frames)
    except BaseException as problem:  # noqa: BLE001 - reading the error may run any code of the user
        lines = [f"its traceback could not be made: {_describe(problem)}"]
    result.add_log("".join(lines)[-LONGEST_TRACEBACK:])
    return result, size


def _frames_of_user(error: BaseException) -> TracebackType | None:
    """The traceback without its first frames, which belong to this package: they call the user's function."""
    first = frames = error.__traceback__ and error.__traceback__.tb_next
    while frames is not None and frames.tb_frame.f_globals.get("__name__", "").startswith("conductor."):
        frames = frames.tb_next
    return frames or first


def failed(
    task_id: str, workflow_instance_id: str, reason: str, status: TaskResultStatus = TaskResultStatus.FAILED
) -> TaskResult:
    """A failed result with a reason, and without output."""
    return TaskResult(task_id, workflow_instance_id, status, reason_for_incompletion=sendable_reason(reason))


def hand_back_result(task: Task) -> TaskResult:
    """The result that returns an unstarted task to its queue at once.

    It contains the task's old output, because a result replaces the output. It names the place of an output in external
    storage, because an older server would forget it.
    """
    result = TaskResult.from_task(task)
    result.status = TaskResultStatus.IN_PROGRESS
    result.output_data = task.output_data
    result.external_output_payload_storage_path = task.external_output_payload_storage_path
    return result


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, the members of a group, and all errors that these were explicitly raised from."""
    seen, waiting = set(), [error]
    while waiting:
        yield (cause := waiting.pop())
        seen.add(id(cause))  # not by ==, which a user's class may define
        following = (*(cause.exceptions if isinstance(cause, BaseExceptionGroup) else ()), cause.__cause__)
        waiting += [each for each in following if each is not None and id(each) not in seen]


def _describe(error: BaseException) -> str:
    try:
        text = str(error)
        return f"{type(error).__name__}: {text}" if text else type(error).__name__
    except BaseException:  # noqa: BLE001 - a user's __str__ may raise any error
        return f"{type(error).__name__}: <its text could not be made>"


def sendable_reason(text: str | None) -> str | None:
    return None if text is None else as_valid_unicode(text)[:LONGEST_REASON]


def as_valid_unicode(text: Any) -> str:
    """The text in valid Unicode. Lone surrogates become question marks."""
    return (text if isinstance(text, str) else str(text)).encode("utf-8", "replace").decode("utf-8")


def whole_seconds(duration: Duration) -> int:
    """The duration of callback_after_seconds in whole seconds, rounded up."""
    return math.ceil(seconds("callback_after_seconds", duration))


def at_most_ten(logs: list[TaskExecLog]) -> list[TaskExecLog]:
    """Merge all but the last nine entries into one. A traceback comes last, and so stays whole."""
    surplus = len(logs) - MOST_LOGS
    if surplus <= 0:
        return logs
    merged, rest = logs[: surplus + 1], logs[surplus + 1 :]
    return [msgspec.structs.replace(merged[0], log="\n".join(entry.log or "" for entry in merged)), *rest]
