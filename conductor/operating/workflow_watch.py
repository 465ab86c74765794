"""Follows a workflow until it ends, and tells each change of its status and of its tasks."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Self

import msgspec

from conductor.errors import ConductorError, RateLimitedError, ServerError, TransportError
from conductor.models import Task, TaskStatus, Workflow, WorkflowStatus
from conductor.operating.queues import unattended
from conductor.operating.times import moment
from conductor.transport import ApiClient
from conductor.workflow_executor import WorkflowExecutor

ENDED = frozenset(
    {WorkflowStatus.COMPLETED, WorkflowStatus.FAILED, WorkflowStatus.TIMED_OUT, WorkflowStatus.TERMINATED}
)
QUEUES_EVERY = 10.0
"""Seconds between two looks at the queues of the tasks that wait, as long as these are the same ones."""


class Change(msgspec.Struct, rename="camel", omit_defaults=True, frozen=True):
    """A new status of a workflow, or of one of its tasks if ``task_id`` is given. The names are those of the wire.

    time: of this machine. problem: the server could not be asked, and is asked again; or nobody polls a task.
    """

    time: str
    workflow_id: str
    status: str = ""
    task_id: str = ""
    reference_task_name: str = ""
    task_type: str = ""
    retry_count: int = 0
    worker_id: str = ""
    reason_for_incompletion: str = ""
    problem: str = ""

    @classmethod
    def of_task(cls, task: Task) -> Self:
        return cls(
            time=_now(),
            workflow_id=task.workflow_instance_id,
            status=str(task.status or ""),
            task_id=task.task_id,
            reference_task_name=task.reference_task_name,
            task_type=task.task_type,
            retry_count=task.retry_count,
            worker_id=task.worker_id or "",
            reason_for_incompletion=task.reason_for_incompletion or "",
        )

    @classmethod
    def of_workflow(cls, workflow_id: str, workflow: Workflow) -> Self:
        reason = workflow.reason_for_incompletion or ""
        status = str(workflow.status or "")
        return cls(_now(), workflow_id, status, reason_for_incompletion=reason)


class WorkflowWatch:
    """workflow: as the server showed it last. problem: at the last look; "" for none. For one thread."""

    def __init__(self, api: ApiClient, workflow_id: str) -> None:
        """Blocks for a request. NotFoundError for an unknown id."""
        self._api = api
        self._executor = WorkflowExecutor(api)
        self._workflow_id = workflow_id
        self._seen: dict[str, str] = {}  # the states of tasks, by their ids
        self._status: WorkflowStatus | None = None
        self._waiting: set[tuple[str, str | None]] = set()  # task types and domains, at the last look at the queues
        self._unattended: set[tuple[str, str | None]] = set()  # those of them that nobody polled then
        self._next_look_at_queues = 0.0
        self.problem = ""
        self.workflow = self._executor.get_workflow(workflow_id)

    @property
    def has_ended(self) -> bool:
        return self.workflow.status in ENDED

    def follow(self, interval: float) -> Iterator[list[Change]]:
        """The changes of each look, which may be none, until the workflow has ended.

        interval: seconds between two looks. A server that does not answer is asked again.
        """
        pause = threading.Event()
        yield [*self._changes(), *self._news_of(self._nobody_polls())]
        while not self.has_ended:
            pause.wait(interval)
            try:
                self.workflow = self._executor.get_workflow(self._workflow_id)
            except (TransportError, ServerError, RateLimitedError) as error:
                yield self._news_of(str(error))
            else:
                yield [*self._changes(), *self._news_of(self._nobody_polls())]

    def _changes(self) -> list[Change]:
        before, self._seen = self._seen, {task.task_id: _state(task) for task in self.workflow.tasks}
        found = [Change.of_task(task) for task in self.workflow.tasks if before.get(task.task_id) != _state(task)]
        if self.workflow.status != self._status:
            self._status = self.workflow.status
            found.append(Change.of_workflow(self._workflow_id, self.workflow))
        return found

    def _nobody_polls(self) -> str:
        """The tasks that wait while nobody polls them; "" if there are none, or if the server does not tell."""
        tasks = self.workflow.tasks
        waiting = {(task.task_type, task.domain or None) for task in tasks if task.status == TaskStatus.SCHEDULED}
        if waiting != self._waiting or time.monotonic() >= self._next_look_at_queues:
            self._waiting, self._next_look_at_queues = waiting, time.monotonic() + QUEUES_EVERY
            try:
                self._unattended = unattended(self._api, waiting)
            except ConductorError:  # the access key need not be allowed to see the queues
                self._unattended = set()
        names = sorted(f"{name} (domain {domain})" if domain else name for name, domain in self._unattended)
        return f"nobody polls {', '.join(names)}" if names else ""

    def _news_of(self, problem: str) -> list[Change]:
        is_new, self.problem = problem != self.problem, problem
        return [Change(_now(), self._workflow_id, problem=problem)] if is_new and problem else []


def _state(task: Task) -> str:
    """A task that is delivered again has another poll count."""
    return f"{task.status} {task.poll_count}"


def _now() -> str:
    return moment(time.time() * 1000)
