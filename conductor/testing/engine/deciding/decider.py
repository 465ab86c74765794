"""Decides how a workflow goes on after a change. The order of the steps is the server's."""

from __future__ import annotations

from dataclasses import dataclass, field

from conductor.testing.engine.deciding import timeouts
from conductor.testing.engine.deciding.retries import next_try
from conductor.testing.engine.records.records import CHOICES, IN_THEIR_OWN_TIME, UNSUCCESSFUL, TaskRecord, Wire
from conductor.testing.engine.records.refusals import Termination
from conductor.testing.engine.tasks.kind import Making


@dataclass
class Change:
    """A task that is to change. draft: a copy of it, as it will be."""

    task: TaskRecord
    draft: TaskRecord
    status_before: str | None = None  # set if the server stores this change only if the workflow goes on

    def apply(self) -> None:
        self.task.wire = self.draft.wire

    def take_back(self) -> None:
        """Undo what the server does not store when the workflow ends."""
        if self.status_before is not None:
            self.task.wire.update(executed=False, status=self.status_before)


@dataclass
class Decision:
    """The next steps: the changes first, then the end of the workflow, or else the scheduled tasks."""

    changes: list[Change] = field(default_factory=list)
    scheduled: dict[str, TaskRecord] = field(default_factory=dict)  # new tasks, and open ones of the engine, by ref
    termination: Termination | None = None  # the workflow ends without success
    is_complete: bool = False
    terminated_by: TaskRecord | None = None  # the TERMINATE task that completes the workflow


def decide(making: Making) -> Decision:
    """The next steps of an open workflow. It changes nothing, and depends on the argument alone, except for
    the ids of new tasks, the jitter of retries and the values of scripts.
    """
    look = _Look(making)
    decision = look.decision
    try:
        look.decide()
    except Termination as termination:
        decision.termination = Termination(termination.reason, termination.status, look.original_of(termination.task))
    decision.changes = [change for change in decision.changes if change.draft.wire != change.task.wire]
    return decision


class _Look:
    """One look at a workflow. All changes are made to drafts: a copy of the workflow, and copies of some tasks."""

    def __init__(self, making: Making) -> None:
        self.decision = Decision()
        self._workflow = making.workflow.draft()
        self._now_ms = making.now_ms
        self._making = Making(self._workflow, making.now_ms, making.kinds, making.steps, making.scripts)

    def original_of(self, draft: TaskRecord | None) -> TaskRecord | None:
        """The task of a draft."""
        return next((change.task for change in self.decision.changes if change.draft is draft), draft)

    def decide(self) -> None:
        """Fill the decision. Termination: the workflow ends without success."""
        timeouts.check_workflow(self._workflow, self._now_ms)
        decision, tasks = self.decision, self._workflow.tasks
        if self._workflow.wire["status"] == "PAUSED":  # the server goes on to look at the tasks in its own queues
            open_ones = (task for task in tasks if not task.ended)
            decision.scheduled = {task.ref: task for task in open_ones if task.wire["taskType"] in IN_THEIR_OWN_TIME}
            return
        if all(task.wire["executed"] or task.status == "SKIPPED" for task in tasks):
            decision.scheduled = {task.ref: task for task in self._first_tasks()}
        executed = {task.ref for task in tasks if task.wire["executed"]}
        for position, task in enumerate(list(tasks)):
            if task.wire["taskType"] == "TERMINATE" and task.status == "COMPLETED":
                decision.terminated_by = task
            if task.wire["retried"] or task.wire["executed"] or task.status == "SKIPPED":
                continue
            if not (task.ended or self._making.kinds.is_for_workers(task)):
                decision.scheduled.setdefault(task.ref, task)
                executed.discard(task.ref)
            self._look_at(position, task, executed)
        decision.scheduled = {ref: task for ref, task in decision.scheduled.items() if ref not in executed}
        if decision.terminated_by or (not decision.scheduled and self._is_complete()):
            self._check_permissive()
            decision.is_complete = True

    def _look_at(self, position: int, task: TaskRecord, executed: set[str]) -> None:
        """Time out a task, retry it, or go on with the tasks after it."""
        draft = self._workflow.tasks[position] = task.draft()
        change = Change(task, draft)
        self.decision.changes.append(change)
        timeouts.check_task(draft, self._now_ms)
        if not draft.ended:
            return
        draft.wire["endTime"] = draft.wire["endTime"] or self._now_ms
        change.status_before = status = draft.status
        if status in UNSUCCESSFUL:
            retry = next_try(self._making, draft)
            if retry is not None:
                draft.wire["retried"] = True
                change.status_before = None
                self.decision.scheduled[retry.ref] = retry
                executed.discard(retry.ref)
                return
            if draft.workflow_task.get("optional") or not draft.workflow_task.get("permissive"):
                draft.wire["status"] = "COMPLETED_WITH_ERRORS"
        draft.wire["executed"] = True
        for following in self._following(draft):
            self.decision.scheduled.setdefault(following.ref, following)

    def _first_tasks(self) -> list[TaskRecord]:
        first = self._unskipped(self._workflow.blueprint.tasks[0])
        return self._making.begin(first) if first else []

    def _unskipped(self, step: Wire | None) -> Wire | None:
        """The step, or the first one after it that no operator has skipped."""
        while step is not None:
            found = self._workflow.latest(step["taskReferenceName"])
            if found is None or found.status != "SKIPPED":
                break
            step = self._workflow.blueprint.next_task(step["taskReferenceName"])
        return step

    def _following(self, task: TaskRecord) -> list[TaskRecord]:
        """The tasks that begin when a task has ended."""
        if task.wire["taskType"] in CHOICES and task.wire["inputData"].get("hasChildren"):
            return []
        workflow = self._workflow
        following = self._unskipped(workflow.blueprint.next_task(self._place_of(task)))
        if following is None or (following["type"] == "DO_WHILE" and workflow.latest(following["taskReferenceName"])):
            return []
        tasks = self._making.begin(following)
        iteration = task.wire["iteration"]
        if iteration and task.wire["taskType"] != "DO_WHILE":
            used = {known.ref for known in workflow.tasks if known.status != "SCHEDULED"}
            for new in tasks:
                new.wire["referenceTaskName"] += f"__{iteration}"
                new.wire["iteration"] = iteration
            tasks = [new for new in tasks if new.ref not in used]
        return tasks

    def _place_of(self, task: TaskRecord) -> str:
        """The reference name of the task in the definition, or else that of the dynamic fork that has made it."""
        ref = task.base_ref
        if ref not in self._workflow.blueprint.by_ref:
            for fork in reversed(self._workflow.tasks):
                if fork.wire["taskType"] == "FORK" and ref in fork.input.get("forkedTasks", ()):
                    return fork.base_ref
        return ref

    def _is_complete(self) -> bool:
        tasks = self._workflow.tasks
        if not tasks or not all(task.ended for task in tasks):
            return False
        known = {task.ref for task in tasks}
        if any(step["taskReferenceName"] not in known for step in self._workflow.blueprint.tasks):
            return False
        return all(self._is_followed(task, known) for task in tasks)

    def _is_followed(self, task: TaskRecord, known: set[str]) -> bool:
        if task.wire["retried"] and task.wire["executed"]:
            return True
        following = self._unskipped(self._workflow.blueprint.next_task(task.ref))
        return following is None or following["taskReferenceName"] in known

    def _check_permissive(self) -> None:
        """A permissive task that failed: the workflow runs on, but cannot succeed."""
        latest = {task.ref: task for task in self._workflow.tasks}
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
