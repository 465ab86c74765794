"""TaskExecutor: the calls of the server that concern tasks, for code outside of a worker.

Every method is one blocking request, and raises ApiError, TransportError or DecodeError. A bad argument raises
ConfigurationError, and nothing is sent.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from functools import cached_property
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, get_args

import msgspec

from conductor import models
from conductor._arguments import (
    Duration,
    one_of,
    optional_text,
    path_segment,
    require_instance,
    require_instances,
    require_text,
    whole_number,
)
from conductor._output import output_data
from conductor.definitions import Readable, wire_definition, wire_definitions
from conductor.errors import ConfigurationError, DecodeError, NotFoundError
from conductor.models import ExternalStorageLocation, ResultStatus, Task, TaskDef, TaskResultStatus, Workflow
from conductor.payloads import PayloadStorage, PayloadType, with_payloads
from conductor.task_result import (
    LARGEST_OUTPUT,
    TaskResult,
    as_valid_unicode,
    at_most_ten,
    copy_to_send,
    sendable_reason,
    sized_output,
    whole_seconds,
)
from conductor.transport import ApiClient, checked_id, metadata, tasks
from conductor.worker import checked_domain

_BY_REFERENCE = frozenset({"task_id", "workflow_instance_id", "status", "output_data", "worker_id"})
"""Members of a TaskResult that an update by reference name sends, or has as arguments."""

T = TypeVar("T")


class BaseExecutor:
    """Thread-safe; a context manager. Without an api_client it makes one from the environment, and closes it."""

    def __init__(self, api_client: ApiClient | None = None) -> None:
        if not isinstance(api_client, ApiClient | None):  # the value may be a secret, or hold one
            raise ConfigurationError(f"api_client must be an ApiClient, not {type(api_client).__name__}")
        self._api = api_client or ApiClient()
        self._made_client = api_client is None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    @cached_property
    def _payloads(self) -> PayloadStorage:
        return PayloadStorage(self._api)

    def close(self) -> None:
        """Close the connection if it was made here."""
        if self._made_client:
            self._api.close()


class TaskExecutor(BaseExecutor):
    """Looks at tasks, completes them from outside of a worker, and manages task definitions and queues."""

    def get_task(self, task_id: str, fetch_payloads: bool = False) -> Task:
        """NotFoundError for an unknown id (server >= 3.21.20).

        fetch_payloads: read the input and the output from the server's external storage if they are there. PayloadError
            if that is not possible.
        """
        fetches = require_instance("fetch_payloads", fetch_payloads, bool, "True or False")
        task = self._api.call(tasks.get_task.sync, path_segment("task_id", task_id))
        return with_payloads(task, self._payloads.read) if fetches else task

    def update_task(
        self,
        task_id: str,
        workflow_instance_id: str,
        status: ResultStatus,
        output: Any = None,
        *,
        reason_for_incompletion: str | None = None,
        callback_after_seconds: Duration | None = None,
    ) -> str:
        """Send a task's result; returns the task's id. The server accepts and ignores it if the task has ended.

        output: any value that a worker function may return. It replaces the task's output. The ids and the status of a
            TaskResult are replaced, and its other members are sent unless an argument replaces them. An output of more
            than 10 MiB of JSON is a ConfigurationError, because the server would fail the task for good.
        callback_after_seconds: with IN_PROGRESS, the time until the task is delivered again; seconds or timedelta,
            rounded up.
        """
        result = _result_of(output)
        result.task_id = path_segment("task_id", task_id)
        result.workflow_instance_id = path_segment("workflow_instance_id", workflow_instance_id)
        result.status = _checked_status(status)
        result.worker_id = _worker_id(output)
        if reason_for_incompletion is not None:
            result.reason_for_incompletion = sendable_reason(reason_for_incompletion)
        if callback_after_seconds is not None:
            result.callback_after_seconds = whole_seconds(callback_after_seconds)
        return checked_id(tasks.update_task.TEMPLATE, self._api.call(tasks.update_task.sync, result))

    def update_task_by_ref_name(
        self, task_ref_name: str, workflow_instance_id: str, status: ResultStatus, output: Any = None
    ) -> str:
        """Update a workflow's pending task of that reference name. NotFoundError if there is none.

        output: added to the task's output. A TaskResult with other members, such as logs or a reason, is a
            ConfigurationError, because this call cannot send them.
        """
        operation = tasks.update_task_by_ref_name
        task_id = self._update_by_ref_name(operation.sync, task_ref_name, workflow_instance_id, status, output)
        if not task_id:  # the server's answer to an unknown workflow, an unknown name and a finished task (3.32.3)
            message = f"no task {task_ref_name!r} is pending in workflow {workflow_instance_id!r}"
            values = {"workflow_id": workflow_instance_id, "task_ref_name": task_ref_name, "status": status}
            path = operation.TEMPLATE.format(**values)
            raise NotFoundError(404, operation.METHOD, operation.TEMPLATE, message, path=path)
        return checked_id(operation.TEMPLATE, task_id)

    def update_task_by_ref_name_sync(
        self, task_ref_name: str, workflow_instance_id: str, status: ResultStatus, output: Any = None
    ) -> Workflow:
        """As ``update_task_by_ref_name``. Returns the workflow as it is after the update (server >= 3.21.12)."""
        update = tasks.update_task_by_ref_name_sync.sync
        return self._update_by_ref_name(update, task_ref_name, workflow_instance_id, status, output)

    def _update_by_ref_name(
        self, update: Callable[..., T], task_ref_name: str, workflow_instance_id: str, status: ResultStatus, output: Any
    ) -> T:
        return self._api.call(
            update,
            path_segment("workflow_instance_id", workflow_instance_id),
            path_segment("task_ref_name", task_ref_name),
            _checked_status(status),
            _output(output),
            workerid=_worker_id(output),
        )

    def signal(self, workflow_instance_id: str, status: ResultStatus, output: Any = None) -> None:
        """Complete the WAIT task at which a workflow, or one of its sub-workflows, is blocked (server >= 3.32.0).

        Returns None also if no such task waits, because the server does not tell (docs/human-tasks.md).
        """
        workflow_id = path_segment("workflow_instance_id", workflow_instance_id)
        self._api.call(tasks.signal_workflow_task.sync, workflow_id, _checked_status(status), _output(output))

    def add_log(self, task_id: str, text: str) -> None:
        """Append a line to a task's log. The server does not check that the task exists."""
        if not isinstance(text, str) or not text:
            raise ConfigurationError(f"text must be a text that is not empty, not {text!r}")
        self._api.call(tasks.add_task_log.sync, path_segment("task_id", task_id), as_valid_unicode(text))

    def get_logs(self, task_id: str) -> list[models.TaskExecLog]:
        """Oldest first; empty also for an unknown task, and on servers without indexing."""
        return self._api.call(tasks.get_task_logs.sync, path_segment("task_id", task_id))

    def queue_size(self, task_name: str, domain: str | None = None) -> int:
        """The number of tasks that wait to be polled, including delayed ones."""
        return self._api.call(
            tasks.get_queue_size.sync, task_type=path_segment("task_name", task_name), domain=checked_domain(domain)
        )

    def queue_sizes(self, *task_names: str) -> dict[str, int]:
        """The numbers by queue, ``task_name`` or ``domain:task_name``. With names: only these, 0 for an unknown one."""
        if not task_names:
            return self._api.call(tasks.get_queue_sizes.sync)
        asked = [path_segment("task_names", task_name) for task_name in task_names]
        return self._api.call(tasks.get_queue_sizes_of_task_types.sync, task_type=asked)

    def queue_details(self) -> dict[str, dict[str, dict[str, int]]]:
        """``size`` and ``uacked`` by queue and shard."""
        return self._api.call(tasks.get_queue_details.sync)

    def poll_data(self, task_name: str | None = None) -> list[models.PollData]:
        """The last poller of each queue and domain, for one task type or for all."""
        if task_name is None:
            return self._api.call(tasks.get_all_poll_data.sync)
        return self._api.call(tasks.get_poll_data.sync, task_type=path_segment("task_name", task_name))

    def requeue(self, task_name: str) -> int:
        """Put all open tasks of a type into the queue again, **including running ones**. Returns their number."""
        count = self._api.call(tasks.requeue_pending_tasks.sync, path_segment("task_name", task_name))
        if not count.isdecimal():
            raise DecodeError(f"{tasks.requeue_pending_tasks.TEMPLATE} answered with a text that is no number")
        return int(count)

    def search(
        self, query: str = "", *, free_text: str = "*", start: int = 0, size: int = 100, sort: str | None = None
    ) -> models.SearchResult:
        """Summaries from the server's index: query="status=FAILED AND taskType=email", sort="startTime:DESC"."""
        return self._api.call(tasks.search_tasks.sync, **search_arguments(query, free_text, start, size, sort))

    def register_task_defs(self, *task_defs: TaskDef | Readable | Sequence[TaskDef | Readable]) -> None:
        """Create the definitions, or replace those of the same name.

        task_defs: structs, mappings as on the wire, paths of JSON files (each with one definition or a list of them),
            JSON as a text that begins with ``{`` or ``[``, and lists of these. An unknown key is a ConfigurationError.
        """
        given: Any = wire_definitions("task_defs", task_defs, TaskDef)
        self._api.call(metadata.register_task_defs.sync, given)

    def get_task_def(self, name: str) -> TaskDef:
        """NotFoundError when there is none."""
        return self._api.call(metadata.get_task_def.sync, path_segment("name", name))

    def get_task_defs(self) -> list[TaskDef]:
        return self._api.call(metadata.get_task_defs.sync)

    def update_task_def(self, task_def: TaskDef | Readable) -> None:
        """Replace a definition. Members that are left out get their defaults. NotFoundError if there is none."""
        given: Any = wire_definition("task_def", task_def, TaskDef)
        self._api.call(metadata.update_task_def.sync, given)

    def delete_task_def(self, name: str) -> None:
        self._api.call(metadata.delete_task_def.sync, path_segment("name", name))

    def external_storage_location(
        self, path: str, operation: Literal["READ", "WRITE"], payload_type: PayloadType
    ) -> ExternalStorageLocation:
        """The place of a large payload. ``uri`` is None on servers with the default storage, a directory of the server.

        operation: READ or WRITE. payload_type: TASK_INPUT, TASK_OUTPUT, WORKFLOW_INPUT or WORKFLOW_OUTPUT.
        """
        return self._api.call(
            tasks.get_task_external_storage_location.sync,
            path=require_text("path", path),
            operation=one_of("operation", operation, ("READ", "WRITE")),
            payload_type=one_of("payload_type", payload_type, get_args(PayloadType)),
        )


def search_arguments(query: str, free_text: str, start: int, size: int, sort: str | None) -> dict[str, Any]:
    return {
        "query": optional_text("query", query),
        "free_text": optional_text("free_text", free_text),
        "start": whole_number("start", start, 0),
        "size": whole_number("size", size, 0),
        "sort": optional_text("sort", sort),
    }


def _result_of(output: Any) -> models.TaskResult:
    """A result with this output; a copy if the output is a TaskResult."""
    if not isinstance(output, models.TaskResult):
        return TaskResult("", "", output_data=_sendable(output, "output"))
    if output.extend_lease:
        raise ConfigurationError("output.extend_lease must not be set: with it the server ignores the rest of a result")
    require_instances("output.logs", output.logs or [], models.TaskExecLog)
    result = copy_to_send(output, output_data=_sendable(output.output_data, "output.output_data"))
    result.logs = at_most_ten(result.logs)
    output_data(result, "output")  # its other members can be sent, too
    return result


def _output(output: Any) -> dict[str, Any]:
    """The output for a call that sends nothing else."""
    if not isinstance(output, models.TaskResult):
        return _sendable(output, "output")
    members = [field.name for field in msgspec.structs.fields(output) if field.name not in _BY_REFERENCE]
    if lost := [name for name in members if getattr(output, name)]:
        problem = f"output must not hold {', '.join(lost)}: of a TaskResult this call sends the output_data alone"
        raise ConfigurationError(f"{problem}, and update_task all")
    return _sendable(output.output_data, "output.output_data")


def _sendable(value: Any, name: str) -> dict[str, Any]:
    """The output in plain JSON values. For a larger one than it takes, a server would fail the task for good."""
    return sized_output(value, LARGEST_OUTPUT, name)[0]


def _worker_id(output: Any) -> str:
    return (isinstance(output, models.TaskResult) and output.worker_id) or socket.gethostname()


def _checked_status(status: ResultStatus) -> TaskResultStatus:
    """The status, which may be given as text. The server would answer 500 for an unknown one."""
    return TaskResultStatus(one_of("status", status, tuple(TaskResultStatus)))
