"""Ended tasks begin again, and with them their workflow and the workflows above it. The rules are the server's."""

from __future__ import annotations

from conductor.testing.engine.deciding.retries import copy_for_retry
from conductor.testing.engine.effects.mover import Mover
from conductor.testing.engine.effects.run import WorkflowRun
from conductor.testing.engine.effects.scheduling import Scheduling
from conductor.testing.engine.records.records import (
    IN_THEIR_OWN_TIME,
    JOINS,
    UNSUCCESSFUL,
    TaskRecord,
    Wire,
    WorkflowRecord,
)
from conductor.testing.engine.records.refusals import Refusal
from conductor.testing.engine.state.payloads import forget_stored
from conductor.testing.engine.state.state import State
from conductor.testing.engine.tasks.registry import Kinds
from conductor.testing.engine.tasks.sub_workflow import follow

CONTINUED = frozenset({"JOIN", "DO_WHILE"})
"""A canceled task of such a type goes on as if it had not been canceled."""
_RETRIED_IN_PLACE = JOINS | {"DO_WHILE"}
"""A failed task of such a type has no other attempt. It goes on itself."""


class Revival:
    """Opens workflows again."""

    def __init__(self, state: State, kinds: Kinds, scheduling: Scheduling, mover: Mover) -> None:
        self._state = state
        self._kinds = kinds
        self._scheduling = scheduling
        self._mover = mover

    def reopen(self, workflow: WorkflowRecord) -> None:
        """Let a workflow run. Its endTime stays, as on the server."""
        forget_stored(workflow, "output")
        workflow.wire["status"] = "RUNNING"
        workflow.wire.pop("reasonForIncompletion", None)
        workflow.timer = None
        self._state.save_workflow(workflow)

    # Retry

    def retry(self, workflow: WorkflowRecord) -> None:
        """Give each failed or canceled task another attempt, and open the workflow. Refusal 409: there is none.

        Nothing is decided yet.
        """
        retriable = _retriable(workflow)
        if not retriable and workflow.wire["status"] != "TIMED_OUT":
            text = "There are no retryable tasks! Use restart if you want to attempt entire workflow execution again."
            raise Refusal(409, text)
        for task in workflow.tasks:
            if _goes_on(workflow, task):
                self._go_on(task)
        workflow.wire["lastRetriedTime"] = self._state.now_ms
        self.reopen(workflow)
        attempts = [new for task in retriable if (new := self._attempt(workflow, task)) is not None]
        self._schedule(workflow, attempts)

    def _attempt(self, workflow: WorkflowRecord, task: TaskRecord) -> TaskRecord | None:
        """The next attempt as a new task. None: the task itself goes on."""
        task.wire["retried"] = task.wire["taskType"] not in _RETRIED_IN_PLACE
        if not task.wire["retried"]:
            task.wire["retryCount"] += 1
            self._go_on(task)
            return None
        following = copy_for_retry(self._scheduling.making(workflow), task)
        # The server (3.32.3) computes the input in place, so that the old task shows it too.
        task.wire.update(executed=True, inputData=dict(following.input))
        self._state.save_task(task)
        return following

    def _schedule(self, workflow: WorkflowRecord, tasks: list[TaskRecord]) -> None:
        new = self._scheduling.schedule(workflow, tasks)
        WorkflowRun(workflow, self._scheduling.making(workflow), self._mover.effects).do_first(new)

    def _go_on(self, task: TaskRecord) -> None:
        task.wire["status"] = "IN_PROGRESS"
        self._state.save_task(task)

    # Parents

    def push_parents(self, workflow: WorkflowRecord, deed: str) -> None:
        """Let the workflows above go on, the nearest one first. deed: what was done to the workflow, for their logs."""
        path = ""
        while (found := self._above(workflow)) is not None:
            parent, task = found
            path = f"{workflow.short_name} -> {path}" if path else workflow.short_name
            entry = {"log": f"Sub workflow {path} {deed}.", "taskId": task.task_id, "createdTime": self._state.now_ms}
            self._state.store.logs.add([entry])
            self.follow_child(task, workflow)
            self._revive(parent)
            self._mover.decide(parent)
            workflow = parent

    def _above(self, child: WorkflowRecord) -> tuple[WorkflowRecord, TaskRecord] | None:
        """The parent, and its task for the child. None: there is none, or it does not wait for the child any more."""
        found = self._state.find_task(child.wire.get("parentWorkflowTaskId", ""))
        if found is None:
            return None
        task = found[1]
        outdated = task.wire["retried"] or task.wire.get("subWorkflowId") != child.workflow_id
        return None if outdated or task.workflow_task.get("optional") else found

    def follow_child(self, task: TaskRecord, child: WorkflowRecord) -> None:
        """Give a task the state of its child. A child that its parent has just ended counts as if it ran."""
        task.set_reason(None)
        if child.wire["status"] == "TERMINATED":
            task.wire["status"] = "IN_PROGRESS"
        else:
            follow(task, child)
        self._state.save_task(task)

    def _revive(self, parent: WorkflowRecord) -> None:
        """Open a parent, and begin or continue those tasks that did not succeed because of the child."""
        for task in parent.tasks:
            if task.status not in UNSUCCESSFUL:
                continue
            if task.wire["taskType"] == "JOIN" or (task.status == "CANCELED" and task.wire["taskType"] in CONTINUED):
                self._go_on(task)
            elif "subWorkflowId" in task.wire:
                self._revive_sibling(task)
            elif task.status == "CANCELED":
                self._begin_canceled(task)
        parent.wire.update(failedReferenceTaskNames=[], failedTaskNames=[], lastRetriedTime=self._state.now_ms)
        self.reopen(parent)

    def _revive_sibling(self, task: TaskRecord) -> None:
        """Retry another sub-workflow of a parent, if it has a task to retry."""
        child = self._state.workflow(task.wire["subWorkflowId"])
        if child.ended and any(inner.status in UNSUCCESSFUL for inner in child.tasks):
            self.retry(child)
            self._state.to_decide.append(child)
        if not child.ended:
            self.follow_child(task, child)

    def _begin_canceled(self, task: TaskRecord) -> None:
        """Let a canceled task begin again in its place."""
        wire = task.wire
        wire.update(dict.fromkeys(("pollCount", "startTime", "endTime"), 0), retried=False, executed=False)
        wire.update(retryCount=wire["retryCount"] + 1, scheduledTime=self._state.now_ms)
        wire.pop("workerId", None)
        task.set_reason(None)
        self.schedule_again(task)

    # Rerun

    def begin(self, workflow: WorkflowRecord, step: Wire) -> None:
        """Make the tasks of a step anew."""
        self._schedule(workflow, self._scheduling.making(workflow).begin(step))

    def schedule_again(self, task: TaskRecord) -> None:
        """Put an ended task back to its state before its begin."""
        task.wire["status"] = "SCHEDULED"
        self._state.save_task(task)
        if self._kinds.is_for_workers(task):
            self._state.queues.put(task, task.wire["callbackAfterSeconds"])

    def repeat_unsuccessful(self, workflow: WorkflowRecord, first: TaskRecord) -> None:
        """Begin the tasks again that had failed or been canceled beside the first one of a rerun."""
        for task in workflow.tasks:
            if task.status not in UNSUCCESSFUL or task.ref == first.ref:
                continue
            task.wire.update(executed=False, startTime=self._state.now_ms, endTime=0)
            task.set_reason(None)
            if task.wire.pop("subWorkflowId", None) is not None:
                task.wire["outputData"].pop("subWorkflowId", None)
            in_place = task.wire["taskType"] == "JOIN" or task.wire["taskType"] not in IN_THEIR_OWN_TIME
            if self._kinds.is_for_workers(task) or not in_place:
                self.schedule_again(task)
            else:
                self._go_on(task)


def _retriable(workflow: WorkflowRecord) -> list[TaskRecord]:
    """Of each reference name the last task, if it has not succeeded."""
    found: dict[str, TaskRecord] = {}
    for task in workflow.tasks:
        if task.status not in UNSUCCESSFUL:
            found.pop(task.ref, None)
        elif not _goes_on(workflow, task):
            found[task.ref] = task
    return sorted(found.values(), key=lambda task: int(task.wire["seq"]))


def _goes_on(workflow: WorkflowRecord, task: TaskRecord) -> bool:
    """Whether a retry just lets the task go on: a canceled join or loop, a join that a permissive task has failed."""
    if task.status == "CANCELED":
        return task.wire["taskType"] in CONTINUED
    if task.status != "FAILED" or task.wire["taskType"] not in JOINS:
        return False
    members = [workflow.latest(ref) for ref in task.input["joinOn"]]
    return any(
        member.status == "FAILED" and member.workflow_task["permissive"] and not member.workflow_task["optional"]
        for member in members
        if member is not None
    )
