"""Looks at tasks and changes them, with the checks that an operator's commands need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from conductor.errors import ConductorError, NotFoundError
from conductor.executor import TaskExecutor
from conductor.models import ResultStatus, Task, TaskExecLog, TaskStatus
from conductor.task_result import TaskResult
from conductor.transport import ApiClient
from conductor.workflow_executor import WorkflowExecutor

OPEN = frozenset({TaskStatus.SCHEDULED, TaskStatus.IN_PROGRESS})
"""A task of another status has ended, and the server ignores an update of it (3.32.3)."""


class TaskHasEndedError(ConductorError):
    """An update would be ignored."""


class WorkflowIdError(ConductorError):
    """The id of a workflow was given where the id of a task is needed."""


@contextmanager
def task_id_needed(api: ApiClient, task_id: str) -> Iterator[None]:
    """Meanwhile, a NotFoundError is raised as a WorkflowIdError if a workflow has the id. This takes a request."""
    try:
        yield
    except NotFoundError as error:
        try:
            WorkflowExecutor(api).get_workflow(task_id, include_tasks=False)
        except ConductorError:
            raise error from None
        raise WorkflowIdError(
            f"{task_id} is the id of a workflow, not of a task: conductor-worker workflow get {task_id} shows its tasks"
        ) from None


def update_open_task(
    executor: TaskExecutor,
    task_id: str,
    status: ResultStatus,
    output: dict[str, Any] | None,
    *,
    reason: str | None = None,
    callback_after: float | None = None,
) -> Task:
    """Send a task's result; returns the task as it was before. Blocks for two requests.

    output: replaces the task's output; None keeps it. callback_after: seconds. TaskHasEndedError: nothing is sent.
    """
    task = executor.get_task(task_id)
    if task.status is not None and task.status not in OPEN:
        raise TaskHasEndedError(f"task {task_id} has ended as {task.status}: an update would be ignored")
    executor.update_task(
        task_id,
        task.workflow_instance_id,
        status,
        _output_of(task) if output is None else output,
        reason_for_incompletion=reason,
        callback_after_seconds=callback_after,
    )
    return task


def _output_of(task: Task) -> TaskResult:
    """The output that a task has now, also if it lies in the server's external storage."""
    path = task.external_output_payload_storage_path
    ids = task.task_id, task.workflow_instance_id
    return TaskResult(*ids, output_data=task.output_data, external_output_payload_storage_path=path)


def logs_of(executor: TaskExecutor, task_id: str) -> list[TaskExecLog]:
    """The log entries, oldest first. NotFoundError for an unknown task, for which the server has an empty list too."""
    found = executor.get_logs(task_id)
    if not found:
        executor.get_task(task_id)
    return found


def search_query(query: str, **members: str | None) -> str:
    """The query, and a condition for each member that has a value."""
    conditions = [f"{name}={value}" for name, value in members.items() if value]
    return " AND ".join(filter(None, (query, *conditions)))
