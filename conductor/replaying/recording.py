"""A task as the server has recorded it, and the task that its function is given again."""

from __future__ import annotations

from typing import Any

import msgspec

from conductor.executor import TaskExecutor
from conductor.models import Task, TaskStatus

UNFINISHED = (TaskStatus.SCHEDULED, TaskStatus.IN_PROGRESS)
_OF_THE_CASE = (
    *("task_id", "workflow_instance_id", "task_type", "task_def_name", "reference_task_name", "workflow_type"),
    *("correlation_id", "domain", "retry_count", "poll_count", "iteration", "response_timeout_seconds"),
    *("input_data", "output_data"),
)
"""The members of a task that a test case has. Those that hold nothing are left out."""


class Outcome(msgspec.Struct, frozen=True, rename="camel"):
    """The end of an execution, in production or here. logs: oldest first. seconds: None if they are not known."""

    status: str
    reason_for_incompletion: str | None
    output_data: dict[str, Any]
    logs: list[str]
    seconds: float | None


class Recording:
    """A task of the server with its payloads, and the entries of its log.

    outcome: None if the task has not ended, because the server then has no result of it.
    """

    def __init__(self, task: Task, logs: list[str]) -> None:
        self.task = task
        seconds = (task.end_time - task.start_time) / 1000 if task.end_time and task.start_time else None
        self.outcome: Outcome | None = None
        if task.status not in UNFINISHED:
            self.outcome = Outcome(
                str(task.status or ""), task.reason_for_incompletion or None, task.output_data, logs, seconds
            )

    @property
    def lacks_earlier_output(self) -> bool:
        """Whether an earlier execution may have left an output for the function, which the server does not keep."""
        return self.outcome is not None and self.task.poll_count > 1

    def as_delivered(self) -> Task:
        """The task as a worker got it. Its output is empty if it has ended, because the result has replaced it."""
        return msgspec.structs.replace(
            self.task,
            status=TaskStatus.IN_PROGRESS,
            output_data={} if self.outcome is not None else self.task.output_data,
            reason_for_incompletion=None,
            end_time=0,
            update_time=0,  # of the result; the deadline would count from it
        )

    def case(self) -> dict[str, Any]:
        """The arguments of ``conductor.testing.run_worker`` for the same task."""
        task = self.as_delivered()
        members = {name: getattr(task, name) for name in _OF_THE_CASE}
        return {name: value for name, value in members.items() if value or name == "input_data"}


def recording_of(executor: TaskExecutor, task_id: str) -> Recording:
    """Blocks for two requests, and for one or two more if the payloads lie in the server's external storage.

    NotFoundError: there is no such task. PayloadError: a payload cannot be read.
    """
    task = executor.get_task(task_id, fetch_payloads=True)
    return Recording(task, [entry.log or "" for entry in executor.get_logs(task_id)])
