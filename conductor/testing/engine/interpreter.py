"""Decides how a workflow goes on after a change. The order of the steps is the server's."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from conductor.testing.engine import timeouts
from conductor.testing.engine.endings import Endings
from conductor.testing.engine.model import (
    CHOICES,
    JOINS,
    UNSUCCESSFUL,
    TaskRecord,
    Termination,
    Wire,
    WorkflowRecord,
    base_ref,
)

EFFORT_OF_A_CALL = 0.2
EFFORT_OF_A_SWEEP = 0.004
"""Seconds of work after which the rest is left to the next sweep.

A loop, or a workflow that starts itself, may have no end, and no other call is answered meanwhile.
"""


@dataclass
class _Outcome:
    """The findings of one look at a workflow."""

    scheduled: dict[str, TaskRecord] = field(default_factory=dict)
    complete: bool = False
    unstored: list[tuple[TaskRecord, str]] = field(default_factory=list)  # with the status from before the look
    terminated_by: TaskRecord | None = None


class Interpreter(Endings):
    """Moves workflows on, up to their end."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._deciding = False
        self._effort_until = 0.0
        super().__init__(*arguments, **options)

    def _decide(self, workflow: WorkflowRecord, effort: float = EFFORT_OF_A_CALL) -> None:
        """Move a workflow on as far as it can go now, and with it the parents and children that it changes.

        At least one step is made. Work that takes longer than the limit is left to ``go_on``.
        """
        self._to_decide.append(workflow)
        if self._deciding:
            return
        self._deciding = True
        self._effort_until = time.thread_time() + effort
        try:
            self._decide_one(self._to_decide.popleft())
            while self._to_decide and self._has_time():
                self._decide_one(self._to_decide.popleft())
        finally:
            self._deciding = False
            self._unfinished.update((waiting.workflow_id, waiting) for waiting in self._to_decide)
            self._to_decide.clear()

    def _has_time(self) -> bool:
        return not self._closing and time.thread_time() < self._effort_until

    def _decide_one(self, workflow: WorkflowRecord) -> None:
        if workflow.ended:
            return
        outcome, goes_on = _Outcome(), True
        try:
            goes_on = self._step(workflow, outcome)
            while goes_on and self._has_time():
                outcome = _Outcome()
                goes_on = self._step(workflow, outcome)
        except Termination as termination:
            self._terminate(workflow, termination)
        if workflow.ended:
            self._take_back(workflow, outcome)
        elif goes_on:
            self._unfinished[workflow.workflow_id] = workflow
        self._plan(workflow)

    def go_on(self) -> None:
        """Move on the workflows that took longer than the limit, for a short time each. The last one waits longest."""
        until = time.thread_time() + EFFORT_OF_A_SWEEP
        with self.transaction():
            waiting = list(self._unfinished)
        for workflow_id in waiting:
            left = until - time.thread_time()
            if left <= 0:
                return
            with self.transaction():  # after each one, because other calls come in between
                workflow = self._unfinished.pop(workflow_id, None)
                if workflow is not None:
                    self._decide(workflow, left)

    @staticmethod
    def _take_back(workflow: WorkflowRecord, outcome: _Outcome) -> None:
        """If the workflow ends in the last look, the server stores no change of that look except the reason."""
        reason = outcome.terminated_by if workflow.wire["status"] != "COMPLETED" else None
        for task, status in outcome.unstored:
            if task is not reason:
                task.wire.update(executed=False, status=status)

    def _step(self, workflow: WorkflowRecord, outcome: _Outcome) -> bool:
        """Look at a workflow once, and do what follows. Returns whether another look is needed."""
        self._look(workflow, outcome)
        if outcome.complete:
            self._end(workflow, outcome.terminated_by)
            return False
        known = {(task.ref, task.wire["retryCount"]) for task in workflow.tasks}
        new = [task for task in outcome.scheduled.values() if (task.ref, task.wire["retryCount"]) not in known]
        changed = self._schedule(workflow, new)
        for task in sorted(outcome.scheduled.values(), key=lambda task: task.wire["taskType"] in JOINS):
            if changed and task.wire["taskType"] in JOINS:
                break  # a task that has failed beside it may end the workflow first
            if not (task.is_worker_task or task.ended) and self._execute(workflow, task):
                self._save_task(task)
                changed = True
        if new or changed:
            self._save_workflow(workflow)
        return changed

    # One look

    def _look(self, workflow: WorkflowRecord, outcome: _Outcome) -> None:
        timeouts.check_workflow(workflow, self._now_ms)
        if workflow.wire["status"] == "PAUSED":
            return
        if all(task.wire["executed"] or task.status == "SKIPPED" for task in workflow.tasks):
            outcome.scheduled = {task.ref: task for task in self._first_tasks(workflow)}
        executed = {task.ref for task in workflow.tasks if task.wire["executed"]}
        for task in list(workflow.tasks):
            if task.wire["taskType"] == "TERMINATE" and task.status == "COMPLETED":
                outcome.terminated_by = task
            if task.wire["retried"] or task.wire["executed"] or task.status == "SKIPPED":
                continue
            if not (task.is_worker_task or task.ended):
                outcome.scheduled.setdefault(task.ref, task)
                executed.discard(task.ref)
            self._look_at(workflow, task, outcome, executed)
        outcome.scheduled = {ref: task for ref, task in outcome.scheduled.items() if ref not in executed}
        if outcome.terminated_by or (not outcome.scheduled and self._is_complete(workflow)):
            self._check_permissive(workflow)
            outcome.complete = True

    def _look_at(self, workflow: WorkflowRecord, task: TaskRecord, outcome: _Outcome, executed: set[str]) -> None:
        """Time out a task, retry it, or go on with the tasks after it."""
        was_ended = task.ended
        timeouts.check_task(task, self._now_ms)
        if task.ended and not was_ended:
            self._save_task(task)
        status = task.status
        if status in UNSUCCESSFUL:
            retry = self._retry(workflow, task)
            if retry is not None:
                outcome.scheduled[retry.ref] = retry
                executed.discard(retry.ref)
                self._save_task(task)
                return
            if task.workflow_task.get("optional") or not task.workflow_task.get("permissive"):
                task.wire["status"] = "COMPLETED_WITH_ERRORS"
        if task.ended:
            task.wire["executed"] = True
            outcome.unstored.append((task, status))
            for following in self._following(workflow, task):
                outcome.scheduled.setdefault(following.ref, following)
            self._save_task(task)

    def _first_tasks(self, workflow: WorkflowRecord) -> list[TaskRecord]:
        first = self._unskipped(workflow, workflow.blueprint.tasks[0])
        return self._make(workflow, first) if first else []

    @staticmethod
    def _unskipped(workflow: WorkflowRecord, workflow_task: Wire | None) -> Wire | None:
        while workflow_task is not None:
            found = workflow.latest(workflow_task["taskReferenceName"])
            if found is None or found.status != "SKIPPED":
                break
            workflow_task = workflow.blueprint.next_task(workflow_task["taskReferenceName"])
        return workflow_task

    def _following(self, workflow: WorkflowRecord, task: TaskRecord) -> list[TaskRecord]:
        """The tasks that begin when a task has ended."""
        if task.wire["taskType"] in CHOICES and task.wire["inputData"].get("hasChildren"):
            return []
        following = self._unskipped(workflow, workflow.blueprint.next_task(base_ref(task)))
        if following is None or (following["type"] == "DO_WHILE" and workflow.latest(following["taskReferenceName"])):
            return []
        tasks = self._make(workflow, following)
        iteration = task.wire["iteration"]
        if iteration and task.wire["taskType"] != "DO_WHILE":
            used = {known.ref for known in workflow.tasks if known.status != "SCHEDULED"}
            for new in tasks:
                new.wire["referenceTaskName"] += f"__{iteration}"
                new.wire["iteration"] = iteration
            tasks = [new for new in tasks if new.ref not in used]
        return tasks

    def _is_complete(self, workflow: WorkflowRecord) -> bool:
        statuses = {task.ref: task for task in workflow.tasks}
        if not statuses or not all(task.ended for task in workflow.tasks):
            return False
        for workflow_task in workflow.blueprint.tasks:
            if workflow_task["taskReferenceName"] not in statuses:
                return False
        return all(self._is_followed(workflow, task, statuses) for task in workflow.tasks)

    def _is_followed(self, workflow: WorkflowRecord, task: TaskRecord, known: dict[str, TaskRecord]) -> bool:
        if task.wire["retried"] and task.wire["executed"]:
            return True
        following = self._unskipped(workflow, workflow.blueprint.next_task(task.ref))
        return following is None or following["taskReferenceName"] in known

    @staticmethod
    def _check_permissive(workflow: WorkflowRecord) -> None:
        """A permissive task that failed: the workflow runs on, but cannot succeed."""
        latest = {task.ref: task for task in workflow.tasks}
        failed = [
            f"Task {task.task_id} failed with status: {task.status} and reason: "
            f"'{task.wire.get('reasonForIncompletion', 'null')}'"
            for task in latest.values()
            if task.status in UNSUCCESSFUL
            and task.workflow_task.get("permissive")
            and not task.workflow_task.get("optional")
        ]
        if failed:
            raise Termination(". ".join(failed))
