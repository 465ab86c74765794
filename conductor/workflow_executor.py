"""WorkflowExecutor: the public face of the generated calls that are about workflows as a whole.

Every method but ``execute_workflow`` is one blocking request, and all raise ApiError, TransportError or DecodeError; a
bad argument is a ConfigurationError before anything is sent.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from conductor import _recording, models
from conductor._output import output_data
from conductor.errors import ApiError, ConductorError, DecodeError
from conductor.executor import BaseExecutor, as_json, search_arguments
from conductor.models import RerunWorkflowRequest, StartWorkflowRequest, Workflow, WorkflowDef, WorkflowStatus
from conductor.settings import Duration, instance, instances, optional_text, path_segment, seconds, whole_number
from conductor.transport import checked_id, metadata, workflows
from conductor.worker import checked_name, checked_task_to_domain

LONGEST_WAIT = 20
"""Seconds that the server is asked to wait for a workflow's end: it answers 500 after 30 (3.32.3)."""
LOOK_PACE = 0.5
"""Seconds from one look at a workflow to the next, after that."""

T = TypeVar("T")

_UNENDED = (WorkflowStatus.RUNNING, WorkflowStatus.PAUSED)


class WorkflowExecutor(BaseExecutor):
    """Registers, starts and steers workflows."""

    def register_workflow(self, *workflow_defs: WorkflowDef, overwrite: bool = True) -> None:
        """Create the definitions, or replace those of the same name and version.

        overwrite=False: ConflictError if one exists; they are created one by one, so those before it stay.
        """
        given = as_json("workflow_defs", instances("workflow_defs", workflow_defs, WorkflowDef))
        if not instance("overwrite", overwrite, bool, "True or False"):
            for workflow_def in given:
                self._api.call(metadata.register_workflow_def.sync, workflow_def)
            return
        operation = metadata.update_workflow_defs
        answer = self._api.call(operation.sync, given)
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
        start = workflows.start_workflow
        return _counted(request, lambda: checked_id(start.TEMPLATE, self._api.call(start.sync, request)))

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
        called = partial(self._api.call_within, read_timeout, execute, request.name, request.version or 0, request)
        started = _counted(request, called)
        workflow_id = started.target_workflow_id
        if not workflow_id:
            raise DecodeError(f"{workflows.execute_workflow.TEMPLATE} answered with no workflow's id")
        workflow = self.get_workflow(workflow_id)
        while workflow.status in _UNENDED and (left := end - time.monotonic()) > 0:  # it answers at a WAIT task, too
            threading.Event().wait(min(left, LOOK_PACE))
            workflow = self.get_workflow(workflow_id)
        return workflow

    def get_workflow(self, workflow_id: str, include_tasks: bool = True) -> Workflow:
        with_tasks = instance("include_tasks", include_tasks, bool, "True or False")
        workflow = path_segment("workflow_id", workflow_id)
        return self._api.call(workflows.get_workflow.sync, workflow, include_tasks=with_tasks)

    def get_workflow_status(self, workflow_id: str) -> models.WorkflowStatusSummary:
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
            task_input=output_data(task_input, "task_input")[0],
            workflow_input=output_data(workflow_input, "workflow_input")[0],
            correlation_id=optional_text("correlation_id", correlation_id),
        )
        rerun = workflows.rerun_workflow
        return checked_id(rerun.TEMPLATE, self._api.call(rerun.sync, path_segment("workflow_id", workflow_id), request))

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
    ) -> models.WorkflowSearchResult:
        """Summaries from the server's index, e.g. ``query="status=FAILED AND workflowType=order"``."""
        return self._api.call(workflows.search_workflows.sync, **search_arguments(query, free_text, start, size, sort))


def _start_request(  # noqa: PLR0917 - as callers have them
    name: str,
    given: Any,
    version: int | None,
    correlation_id: str | None,
    task_to_domain: Mapping[str, str] | None,
    priority: int,
) -> StartWorkflowRequest:
    data, size = output_data(given, "input")
    request = StartWorkflowRequest(
        name=checked_name("name", name),
        version=None if version is None else whole_number("version", version, 0),
        correlation_id=optional_text("correlation_id", correlation_id),
        input=data,
        task_to_domain=checked_task_to_domain(task_to_domain),
        priority=whole_number("priority", priority, 0, 99),
    )
    _recording.observe("input_size", size, request.name, "" if version is None else str(request.version))
    return request


def _counted(request: StartWorkflowRequest, start: Callable[[], T]) -> T:
    try:
        return start()
    except ConductorError as error:
        _recording.count("start_errors", request.name, type(error).__name__)
        raise
