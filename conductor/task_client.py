"""The requests of a runner, as a Protocol and over HTTP. Each call is one request, without retries and threads."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Annotated, NamedTuple, Protocol, runtime_checkable

import msgspec

from conductor._log import about, logger_of
from conductor.errors import AnswerTooLargeError, ApiError, ConductorError, DecodeError, NotFoundError
from conductor.models import Decoder, Task, TaskResultStatus, milliseconds
from conductor.task_result import TaskResult, failed
from conductor.transport import LARGEST_BODY, LONGEST_ID, ApiClient, checked_id, parts, tasks

logger = logger_of(__name__)


class Delivery(NamedTuple):
    """The tasks of one answer. They belong to the caller now.

    unreadable: FAILED results, ready to be sent, for tasks that could not be read. skipped: the number of tasks without
    usable ids. fits: the number of tasks of the largest size that fit into one answer.
    """

    tasks: list[Task]
    unreadable: list[TaskResult]
    skipped: int = 0
    fits: int = sys.maxsize


@runtime_checkable
class TaskClient(Protocol):
    """Thread-safe. Each call blocks for one request and raises ApiError, TransportError or DecodeError.

    server: identifies the server, for example its base URL.
    """

    @property
    def server(self) -> str: ...

    def batch_poll(self, task_name: str, worker_id: str, domain: str | None, count: int, timeout: float) -> Delivery:
        """Poll for up to ``count`` tasks. The server may wait ``timeout`` seconds. It may send more tasks."""
        ...

    def update(self, result: TaskResult, timeout: float) -> None:
        """Send a result, within ``timeout`` seconds or the client's own limit.

        Returns if the server has accepted it, or if the task had ended before (server 3.32.3).
        """
        ...

    def update_and_poll(self, result: TaskResult, timeout: float) -> Delivery:
        """Send a result as ``update`` does, and poll for one task of the same type and domain in the same request."""
        ...

    def extend_lease(self, task: Task, worker_id: str, timeout: float) -> None:
        """Let the task's lease begin again, within ``timeout`` seconds. The server ignores this for an ended task."""
        ...

    def add_log(self, task_id: str, text: str, timeout: float) -> None:
        """Add an entry to a task's log, within ``timeout`` seconds. The server does not check the id (3.32.3)."""
        ...

    def get_task(self, task_id: str) -> Task: ...


def says_task_is_gone(error: ConductorError) -> bool:
    """Whether Conductor says that it has no such task or workflow. A missing route is something else."""
    return (
        isinstance(error, NotFoundError)
        and error.conductor
        and error.message.startswith(("No such task found", "No such workflow found", "Task not found"))
    )


def says_update_and_poll_is_missing(error: ConductorError) -> bool:
    """Whether the server, of a version before 3.21.12, has no update-v2. It answers 500, 405 or 404."""
    if not isinstance(error, ApiError) or error.path_template != tasks.update_task_v2.TEMPLATE:
        return False
    if error.status == 404:
        return not says_task_is_gone(error)
    return error.status == 405 or (error.status == 500 and "not supported" in error.message)


class HttpTaskClient:
    """TaskClient over HTTP."""

    def __init__(self, api_client: ApiClient) -> None:
        self._api = api_client
        self.server = api_client.http_settings.base_url
        self.longest_small_request = api_client.longest_small_request

    def batch_poll(self, task_name: str, worker_id: str, domain: str | None, count: int, timeout: float) -> Delivery:
        try:
            raw_tasks = self._api.call_within(
                timeout + self._api.short_timeout,
                tasks.batch_poll_tasks.sync,
                task_name,
                workerid=worker_id,
                domain=domain,
                count=count,
                timeout=milliseconds(timeout),
            )
        except AnswerTooLargeError as error:
            if count == 1:
                _name_what_is_too_large(error, depth=2, task_name=task_name)
            raise
        largest = max(map(len, raw_tasks), default=0)
        return _decoded(raw_tasks, fits=max(1, (LARGEST_BODY - 2) // (largest + 1)))

    def update(self, result: TaskResult, timeout: float) -> None:
        answer = self._api.call_within(self._at_most(timeout), tasks.update_task.sync, result)
        if answer:
            checked_id(tasks.update_task.TEMPLATE, answer)

    def update_and_poll(self, result: TaskResult, timeout: float) -> Delivery:
        try:
            raw = self._api.call_within(self._at_most(timeout), tasks.update_task_v2.sync, result)
        except AnswerTooLargeError as error:
            _name_what_is_too_large(error, depth=1)
            raise
        delivery = _decoded([] if raw is None else [raw])
        if delivery.skipped:
            raise DecodeError(f"POST {tasks.update_task_v2.TEMPLATE} answered with a success, but not with a task")
        return delivery

    def extend_lease(self, task: Task, worker_id: str, timeout: float) -> None:
        extension = TaskResult(task.task_id, task.workflow_instance_id, TaskResultStatus.IN_PROGRESS, extend_lease=True)
        extension.worker_id = worker_id
        self.update(extension, min(timeout, self._api.short_timeout))

    def add_log(self, task_id: str, text: str, timeout: float) -> None:
        self._api.call_within(min(timeout, self._api.short_timeout), tasks.add_task_log.sync, task_id, text)

    def get_task(self, task_id: str) -> Task:
        return self._api.call(tasks.get_task.sync, task_id)

    def _at_most(self, timeout: float) -> float:
        return min(timeout, self._api.http_settings.read_timeout)


def _name_what_is_too_large(error: AnswerTooLargeError, depth: int, task_name: str = "") -> None:
    """Log that an answer with one task was too large, with the id of the task if it can be read.

    depth: of the task's members, in brackets. task_name: empty where it is not known.
    """
    task_id = _first_id(error.beginning, depth)
    extra = {} if task_id is None else about(task_name, TaskResult(task_id, ""), None)
    logger.error("a task alone is too large to be read, and comes back when its lease ends: %s", error, extra=extra)


_TOKEN = re.compile(rb'"taskId"\s*:\s*"([^"\\]+)"|"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


def _first_id(beginning: bytes, depth: int) -> str | None:
    """The first taskId inside of ``depth`` brackets. Further in are other ids. None: the beginning has none."""
    inside = 0
    for token in _TOKEN.finditer(beginning):
        if token[1] and inside == depth:
            return token[1][:LONGEST_ID].decode(errors="replace")
        inside += (token[0] in b"[{") - (token[0] in b"]}")
    return None


class _Ids(msgspec.Struct, rename="camel"):
    task_id: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_ID)]
    workflow_instance_id: Annotated[str, msgspec.Meta(max_length=LONGEST_ID)]


# The definitions inside of a task are read at once, which takes about 1.5 µs. To read them only when they are looked at
# would make ``==``, ``replace`` or ``asdict`` of a Task show raw JSON.
_task_decoder = Decoder(Task, needed=frozenset({"inputData"}), whole=False)
_ids_decoder = msgspec.json.Decoder(_Ids)
_AN_ID = re.compile(rb'\s*"(?:taskId|workflowInstanceId)"\s*:\s*"')  # any other member may be the unreadable one


def _decoded(raw_tasks: Sequence[msgspec.Raw], fits: int = sys.maxsize) -> Delivery:
    """Read each task by itself, so that a bad one does not affect the others. It needs its ids and its input to run."""
    found: list[Task] = []
    unreadable: list[TaskResult] = []
    for raw in raw_tasks:
        try:
            task = _task_decoder.decode(raw)
            of_task, of_workflow = len(task.task_id), len(task.workflow_instance_id)
            if not 0 < of_task <= LONGEST_ID or of_workflow > LONGEST_ID:
                raise msgspec.ValidationError(f"ids of {of_task, of_workflow} characters")
            found.append(task)
        except (msgspec.DecodeError, RecursionError) as error:
            _report_unreadable(raw, f"the worker cannot read this task: {str(error)[:200]}", unreadable)
    skipped = len(raw_tasks) - len(found) - len(unreadable)
    if skipped:
        logger.warning("skipped %d polled tasks without usable ids: they come back when their leases end", skipped)
    return Delivery(found, unreadable, skipped, fits)


def _report_unreadable(raw: msgspec.Raw, reason: str, results: list[TaskResult]) -> None:
    try:
        ids = _ids_decoder.decode(b"{%b}" % b",".join(part for part in parts(bytes(raw)) if _AN_ID.match(part)))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    results.append(failed(ids.task_id, ids.workflow_instance_id, reason))
