"""Starts a workflow and waits for its end."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Collection
from functools import partial

from conductor._start_request import counted
from conductor.errors import DecodeError
from conductor.models import StartWorkflowRequest, TaskStatus, Workflow, WorkflowStatus
from conductor.transport import ApiClient, workflows

LONGEST_WAIT = 20
"""Seconds that the server may wait for a workflow's end. It answers 500 after 30 s (3.32.3)."""
LOOK_PACE = 0.5
"""Seconds between requests for the state of a workflow after that."""

_UNENDED = (WorkflowStatus.RUNNING, WorkflowStatus.PAUSED)
_OPEN = (TaskStatus.SCHEDULED, TaskStatus.IN_PROGRESS)


def execute_and_wait(api: ApiClient, request: StartWorkflowRequest, wait: float, until: str | None) -> Workflow:
    """The workflow when it has ended, or when the wait is over, in seconds.

    until: reference names, separated by commas. The end of a task of such a name also ends the wait.
    """
    end = time.monotonic() + wait
    workflow_id = _execute(api, request, wait, until)
    workflow = _look(api, workflow_id)
    refs = [] if until is None else [ref.strip() for ref in until.split(",")]
    # The server answers early at a WAIT task.
    while not _settled(workflow, refs) and (left := end - time.monotonic()) > 0:
        threading.Event().wait(min(left, LOOK_PACE))
        workflow = _look(api, workflow_id)
    return workflow


def _execute(api: ApiClient, request: StartWorkflowRequest, wait: float, until: str | None) -> str:
    """Start a workflow and let the server wait, at most LONGEST_WAIT. Returns the id."""
    operation = workflows.execute_workflow
    server_wait = min(max(1, math.ceil(wait)), LONGEST_WAIT)  # whole seconds, of which 0 would mean 10
    read_timeout = server_wait + api.http_settings.read_timeout
    execute = partial(operation.sync, wait_for_seconds=server_wait, wait_until_task_ref=until)
    called = partial(api.call_within, read_timeout, execute, request.name, request.version or 0, request)
    workflow_id = counted(request, called).target_workflow_id
    if not workflow_id:
        raise DecodeError(f"{operation.TEMPLATE} answered with no workflow's id")
    return workflow_id


def _look(api: ApiClient, workflow_id: str) -> Workflow:
    return api.call(workflows.get_workflow.sync, workflow_id, include_tasks=True)


def _settled(workflow: Workflow, refs: Collection[str]) -> bool:
    """Whether the workflow, or one of the named tasks, has ended."""
    if workflow.status not in _UNENDED:
        return True
    return any(task.reference_task_name in refs and task.status not in _OPEN for task in workflow.tasks)
