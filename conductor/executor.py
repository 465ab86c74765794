"""TaskExecutor and WorkflowExecutor: the public face of the generated calls, for what happens outside of a worker.

Every method but ``execute_workflow`` is one blocking request, and all raise ApiError, TransportError or DecodeError; a
bad argument is a ConfigurationError before anything is sent.
"""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from conductor import _recording
from conductor._output import output_data
from conductor.errors import ApiError, ConductorError, ConfigurationError, DecodeError, NotFoundError
from conductor.models import (
    ExternalStorageLocation,
    PollData,
    RerunWorkflowRequest,
    SearchResult,
    StartWorkflowRequest,
    Task,
    TaskDef,
    TaskExecLog,
    TaskResultStatus,
    Workflow,
    WorkflowDef,
    WorkflowSearchResult,
    WorkflowStatus,
    WorkflowStatusSummary,
)
from conductor.settings import Duration, instance, instances, one_of, optional_text, path_segment, seconds, whole_number
from conductor.task_result import TaskResult, sendable, sendable_reason, whole_seconds
from conductor.transport import ApiClient, metadata, tasks, workflows
from conductor.worker import checked_domain, checked_name, checked_task_to_domain

LONGEST_WAIT = 20
"""Seconds that the server is asked to wait for a workflow's end: it answers 500 after 30 (3.32.3)."""
LOOK_PACE = 0.5
"""Seconds from one look at a workflow to the next, after that."""

PAYLOAD_TYPES = ("TASK_INPUT", "TASK_OUTPUT", "WORKFLOW_INPUT", "WORKFLOW_OUTPUT")

T = TypeVar("T")

_UNENDED = (WorkflowStatus.RUNNING, WorkflowStatus.PAUSED)


class _Executor:
    """Thread-safe; a context manager. Without an api_client it makes one from the environment, and closes that."""

    def __init__(self, api_client: ApiClient | None = None) -> None:
        self._api = instance("api_client", api_client, ApiClient | None, "an ApiClient") or ApiClient()
        self._made_client = api_client is None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection if it was made here."""
        if self._made_client:
            self._api.close()


class TaskExecutor(_Executor):
    """Looks at tasks, completes them from outside of a worker, and manages task definitions and queues."""

    def get_task(self, task_id: str) -> Task:
        """NotFoundError for an unknown id (server >= 3.21.20)."""
        return self._api.call(tasks.get_task.sync, path_segment("task_id", task_id))

    def update_task(
        self,
        task_id: str,
        workflow_instance_id: str,
        status: TaskResultStatus | str,
        output: Any = None,
        *,
        reason_for_incompletion: str | None = None,
        callback_after_seconds: Duration = 0,
    ) -> str:
        """Post a task's result; returns its id. For a task that has ended the server answers the same and ignores it.

        output: whatever a worker function may return. It replaces the task's output.
        callback_after_seconds: with IN_PROGRESS, when the task is handed out again; seconds or timedelta, rounded up.
        """
        result = TaskResult(
            path_segment("task_id", task_id),
            path_segment("workflow_instance_id", workflow_instance_id),
            _checked_status(status),
            reason_for_incompletion=sendable_reason(reason_for_incompletion),
            callback_after_seconds=whole_seconds(callback_after_seconds),
            worker_id=socket.gethostname(),
            output_data=output_data(output)[0],
        )
        return self._api.call(tasks.update_task.sync, result)

    def update_task_by_ref_name(
        self, task_ref_name: str, workflow_instance_id: str, status: TaskResultStatus | str, output: Any = None
    ) -> str:
        """The same for a workflow's pending task of that reference name. NotFoundError when there is none."""
        operation = tasks.update_task_by_ref_name
        task_id = self._update_by_ref_name(operation.sync, task_ref_name, workflow_instance_id, status, output)
        if not task_id:  # the server's answer to an unknown workflow, an unknown name and a finished task (3.32.3)
            message = f"no task {task_ref_name!r} is pending in workflow {workflow_instance_id!r}"
            raise NotFoundError(404, operation.METHOD, operation.TEMPLATE, message)
        return task_id

    def update_task_by_ref_name_sync(
        self, task_ref_name: str, workflow_instance_id: str, status: TaskResultStatus | str, output: Any = None
    ) -> Workflow:
        """The same, and the workflow as it is after that (server >= 3.21.12)."""
        update = tasks.update_task_by_ref_name_sync.sync
        return self._update_by_ref_name(update, task_ref_name, workflow_instance_id, status, output)

    def _update_by_ref_name(
        self, update: Callable[..., T], task_ref_name: str, workflow_instance_id: str, status: str, output: Any
    ) -> T:
        return self._api.call(
            update,
            path_segment("workflow_instance_id", workflow_instance_id),
            path_segment("task_ref_name", task_ref_name),
            _checked_status(status),
            output_data(output)[0],
            workerid=socket.gethostname(),
        )

    def signal(self, workflow_instance_id: str, status: TaskResultStatus | str, output: Any = None) -> None:
        """Complete the WAIT task at which a workflow, or one of its sub-workflows, is blocked (server >= 3.32.0)."""
        workflow_id = path_segment("workflow_instance_id", workflow_instance_id)
        self._api.call(tasks.signal_workflow_task.sync, workflow_id, _checked_status(status), output_data(output)[0])

    def add_log(self, task_id: str, text: str) -> None:
        """Append a line to a task's log. The server does not check that the task exists."""
        if not isinstance(text, str) or not text:
            raise ConfigurationError(f"text must be a text that is not empty, not {text!r}")
        self._api.call(tasks.add_task_log.sync, path_segment("task_id", task_id), sendable(text))

    def get_logs(self, task_id: str) -> list[TaskExecLog]:
        """Oldest first; empty also for an unknown task, and on servers without indexing."""
        return self._api.call(tasks.get_task_logs.sync, path_segment("task_id", task_id))

    def queue_size(self, task_name: str, domain: str | None = None) -> int:
        """How many tasks wait to be polled, delayed ones included."""
        return self._api.call(
            tasks.get_queue_size.sync, task_type=path_segment("task_name", task_name), domain=checked_domain(domain)
        )

    def queue_sizes(self) -> dict[str, int]:
        """By queue: ``task_name``, or ``domain:task_name``."""
        return self._api.call(tasks.get_queue_sizes.sync)

    def queue_details(self) -> dict[str, dict[str, dict[str, int]]]:
        """By queue, then shard: ``size`` and ``uacked``."""
        return self._api.call(tasks.get_queue_details.sync)

    def poll_data(self, task_name: str | None = None) -> list[PollData]:
        """Who polled last, by queue and domain; without a name for all task types."""
        if task_name is None:
            return self._api.call(tasks.get_all_poll_data.sync)
        return self._api.call(tasks.get_poll_data.sync, task_type=path_segment("task_name", task_name))

    def requeue(self, task_name: str) -> int:
        """Put all open tasks of a type into the queue again, **those that run included**; returns how many."""
        count = self._api.call(tasks.requeue_pending_tasks.sync, path_segment("task_name", task_name))
        if not count.isdecimal():
            raise DecodeError(f"{tasks.requeue_pending_tasks.TEMPLATE} answered with a text that is no number")
        return int(count)

    def search(
        self, query: str = "", *, free_text: str = "*", start: int = 0, size: int = 100, sort: str | None = None
    ) -> SearchResult:
        """Summaries from the server's index: query="status=FAILED AND taskType=email", sort="startTime:DESC"."""
        return self._api.call(tasks.search_tasks.sync, **_search(query, free_text, start, size, sort))

    def register_task_defs(self, *task_defs: TaskDef) -> None:
        """Create the definitions, or replace those of the same name."""
        self._api.call(metadata.register_task_defs.sync, instances("task_defs", task_defs, TaskDef))

    def get_task_def(self, name: str) -> TaskDef:
        """NotFoundError when there is none."""
        return self._api.call(metadata.get_task_def.sync, path_segment("name", name))

    def get_task_defs(self) -> list[TaskDef]:
        return self._api.call(metadata.get_task_defs.sync)

    def update_task_def(self, task_def: TaskDef) -> None:
        """Replace a definition: what is left out falls back to its default. NotFoundError when there is none."""
        self._api.call(metadata.update_task_def.sync, instance("task_def", task_def, TaskDef, "a TaskDef"))

    def delete_task_def(self, name: str) -> None:
        self._api.call(metadata.delete_task_def.sync, path_segment("name", name))

    def external_storage_location(self, path: str, operation: str, payload_type: str) -> ExternalStorageLocation:
        """Where a large payload lies: operation READ or WRITE; payload_type TASK_INPUT, TASK_OUTPUT, WORKFLOW_INPUT or
        WORKFLOW_OUTPUT. ``uri`` is None on servers with the default storage, a directory of the server's own.
        """
        return self._api.call(
            tasks.get_task_external_storage_location.sync,
            path=instance("path", path, str, "a text"),
            operation=one_of("operation", operation, ("READ", "WRITE")),
            payload_type=one_of("payload_type", payload_type, PAYLOAD_TYPES),
        )


class WorkflowExecutor(_Executor):
    """Registers, starts and steers workflows."""

    def register_workflow(self, *workflow_defs: WorkflowDef, overwrite: bool = True) -> None:
        """Create the definitions, or replace those of the same name and version.

        overwrite=False: ConflictError if one exists; they are created one by one, so those before it stay.
        """
        given = instances("workflow_defs", workflow_defs, WorkflowDef)
        if overwrite:
            self._replace_workflows(given)
        else:
            for workflow_def in given:
                self._api.call(metadata.register_workflow_def.sync, workflow_def)

    def _replace_workflows(self, workflow_defs: list[WorkflowDef]) -> None:
        operation = metadata.update_workflow_defs
        answer = self._api.call(operation.sync, workflow_defs)
        for name, message in (answer.bulk_error_results or {}).items():  # inside a 200 (server 3.32.3)
            raise ApiError(400, operation.METHOD, operation.TEMPLATE, f"{name}: {message}")

    def start_workflow(
        self,
        name: str,
        input: Any = None,  # noqa: A002 - Conductor's word
        *,
        version: int | None = None,
        correlation_id: str | None = None,
        task_to_domain: Mapping[str, str] | None = None,
        priority: int = 0,
    ) -> str:
        """Start a workflow, by default its latest version; returns its id. NotFoundError: no such definition.

        input: whatever a worker function may return as output. priority: 0 to 99.
        """
        request = _start_request(name, input, version, correlation_id, task_to_domain, priority)
        return _counted(name, lambda: self._api.call(workflows.start_workflow.sync, request))

    def execute_workflow(
        self,
        name: str,
        input: Any = None,  # noqa: A002 - Conductor's word
        *,
        timeout: Duration = 30.0,
        version: int | None = None,
        correlation_id: str | None = None,
        task_to_domain: Mapping[str, str] | None = None,
        priority: int = 0,
    ) -> Workflow:
        """Start a workflow and wait; returns it when it has ended or the timeout has passed, whatever its status then.

        timeout: seconds or timedelta; it waits for a second at least. The rest is as for ``start_workflow``. After a
        TransportError the workflow may have been started all the same.
        """
        wait = seconds("timeout", timeout)
        request = _start_request(path_segment("name", name), input, version, correlation_id, task_to_domain, priority)
        end = time.monotonic() + wait
        server_wait = min(max(1, math.ceil(wait)), LONGEST_WAIT)  # whole seconds, of which 0 would mean 10
        read_timeout = server_wait + self._api.http_settings.read_timeout
        execute = partial(workflows.execute_workflow.sync, wait_for_seconds=server_wait)
        started = _counted(name, lambda: self._api.call_within(read_timeout, execute, name, version or 0, request))
        workflow_id = started.target_workflow_id
        if not workflow_id:
            raise DecodeError(f"{workflows.execute_workflow.TEMPLATE} answered with no workflow's id")
        workflow = self.get_workflow(workflow_id)
        while workflow.status in _UNENDED and (left := end - time.monotonic()) > 0:  # it answers at a WAIT task, too
            threading.Event().wait(min(left, LOOK_PACE))
            workflow = self.get_workflow(workflow_id)
        return workflow

    def get_workflow(self, workflow_id: str, include_tasks: bool = True) -> Workflow:
        return self._api.call(
            workflows.get_workflow.sync, path_segment("workflow_id", workflow_id), include_tasks=include_tasks
        )

    def get_workflow_status(self, workflow_id: str) -> WorkflowStatusSummary:
        """Without tasks, input and output (server >= 3.31.2)."""
        return self._api.call(workflows.get_workflow_status.sync, path_segment("workflow_id", workflow_id))

    def pause(self, workflow_id: str) -> None:
        """Schedule no more tasks; those that are queued stay so."""
        self._api.call(workflows.pause_workflow.sync, path_segment("workflow_id", workflow_id))

    def resume(self, workflow_id: str) -> None:
        self._api.call(workflows.resume_workflow.sync, path_segment("workflow_id", workflow_id))

    def restart(self, workflow_id: str) -> None:
        """Run an ended workflow from its start. ConflictError while it runs."""
        self._api.call(workflows.restart_workflow.sync, path_segment("workflow_id", workflow_id))

    def rerun(
        self,
        workflow_id: str,
        *,
        task_id: str | None = None,
        task_input: Any = None,
        workflow_input: Any = None,
        correlation_id: str | None = None,
    ) -> str:
        """Run an ended workflow again, wholly or from one of its tasks on; returns its id, which stays the same.

        task_input, workflow_input: in place of what that task, or the workflow, had. ConflictError while it runs.
        """
        request = RerunWorkflowRequest(
            re_run_from_task_id=optional_text("task_id", task_id),
            task_input=output_data(task_input)[0],
            workflow_input=output_data(workflow_input)[0],
            correlation_id=optional_text("correlation_id", correlation_id),
        )
        return self._api.call(workflows.rerun_workflow.sync, path_segment("workflow_id", workflow_id), request)

    def retry(self, workflow_id: str) -> None:
        """Run a failed workflow on from its last failed task. ConflictError if it has not failed."""
        self._api.call(workflows.retry_workflow.sync, path_segment("workflow_id", workflow_id))

    def decide(self, workflow_id: str) -> None:
        """Look for timeouts and due retries now instead of when the server's sweeper comes by."""
        self._api.call(workflows.decide_workflow.sync, path_segment("workflow_id", workflow_id))

    def terminate(self, workflow_id: str, reason: str | None = None) -> None:
        """End a workflow as TERMINATED; its open tasks are cancelled."""
        workflow = path_segment("workflow_id", workflow_id)
        self._api.call(workflows.terminate_workflow.sync, workflow, reason=optional_text("reason", reason))

    def skip_task(self, workflow_id: str, task_ref_name: str) -> None:
        """Let a running workflow pass over a task that is not scheduled yet."""
        workflow, task = path_segment("workflow_id", workflow_id), path_segment("task_ref_name", task_ref_name)
        self._api.call(workflows.skip_task.sync, workflow, task)

    def search(
        self, query: str = "", *, free_text: str = "*", start: int = 0, size: int = 100, sort: str | None = None
    ) -> WorkflowSearchResult:
        """Summaries from the server's index, e.g. ``query="status=FAILED AND workflowType=order"``."""
        return self._api.call(workflows.search_workflows.sync, **_search(query, free_text, start, size, sort))


def _search(query: str, free_text: str, start: int, size: int, sort: str | None) -> dict[str, Any]:
    return {
        "query": optional_text("query", query),
        "free_text": optional_text("free_text", free_text),
        "start": whole_number("start", start, 0),
        "size": whole_number("size", size, 0),
        "sort": optional_text("sort", sort),
    }


def _start_request(  # noqa: PLR0917 - as callers have them
    name: str,
    given: Any,
    version: int | None,
    correlation_id: str | None,
    task_to_domain: Mapping[str, str] | None,
    priority: int,
) -> StartWorkflowRequest:
    data, size = output_data(given)
    request = StartWorkflowRequest(
        name=checked_name("name", name),
        version=None if version is None else whole_number("version", version, 0),
        correlation_id=optional_text("correlation_id", correlation_id),
        input=data,
        task_to_domain=checked_task_to_domain(task_to_domain),
        priority=whole_number("priority", priority, 0, 99),
    )
    _recording.observe("input_size", size, name, "" if version is None else str(version))
    return request


def _counted(name: str, start: Callable[[], T]) -> T:
    try:
        return start()
    except ConductorError as error:
        _recording.count("start_errors", name, type(error).__name__)
        raise


def _checked_status(status: TaskResultStatus | str) -> TaskResultStatus:
    """Also a plain string of one; the server would answer another one with 500."""
    return TaskResultStatus(one_of("status", status, tuple(TaskResultStatus)))
