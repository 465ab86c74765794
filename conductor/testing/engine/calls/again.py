"""Calls that let a workflow run again after its end: restart, retry, rerun."""

from __future__ import annotations

from conductor.testing.engine.deciding.retries import copy_for_retry
from conductor.testing.engine.effects.lives import short_name
from conductor.testing.engine.effects.mover import Mover
from conductor.testing.engine.records.records import UNSUCCESSFUL, TaskRecord, Wire, WorkflowRecord
from conductor.testing.engine.records.refusals import Refusal
from conductor.testing.engine.state.payloads import forget_stored
from conductor.testing.engine.state.state import State

_CONTINUED = frozenset({"JOIN", "DO_WHILE"})


class Again:
    """A child that runs again lets its parents run again."""

    def __init__(self, state: State, mover: Mover) -> None:
        self._state = state
        self._mover = mover

    def restart(self, workflow_id: str, use_latest_definitions: bool = False) -> None:
        """Begin again with the same id and input, and with the same or the latest definition. Refusal 404; 409 if it
        runs.
        """
        with self._state.transaction():
            workflow = self._ended(workflow_id, "restart")
            if use_latest_definitions:
                latest = self._mover.definitions.lookup(workflow.wire["workflowName"], None)
                if latest is None:
                    raise Refusal(404, f"Unable to find latest definition for {workflow_id}")
                workflow.blueprint = self._mover.definitions.blueprint_of(latest)
                workflow.wire["workflowVersion"] = latest["version"]
            if not workflow.blueprint.definition["restartable"] and workflow.wire["status"] == "COMPLETED":
                raise Refusal(404, f"Workflow: {short_name(workflow)} is non-restartable")
            self._state.forget_tasks(workflow, lambda _: True)
            workflow.wire.update(
                createTime=self._state.now_ms, startTime=self._state.now_ms, endTime=0, lastRetriedTime=0, output={}
            )
            self._go_on(workflow)

    def retry(self, workflow_id: str, resume_subworkflow_tasks: bool = False) -> None:
        """Try failed and canceled tasks again, as new tasks. Refusal 404 if it runs; 409 if there is no such task.

        resume_subworkflow_tasks: retry in the innermost sub-workflow that failed, which then goes on.
        """
        with self._state.transaction():
            workflow = self._state.workflow(workflow_id)
            if not workflow.ended:
                raise Refusal(404, f"Workflow is still running.  status={workflow.wire['status']}")
            if not workflow.tasks:
                raise Refusal(409, "Workflow has not started yet")
            if resume_subworkflow_tasks:
                workflow = self._innermost_failed(workflow)
            last = {task.ref: task for task in workflow.tasks}
            unsuccessful = [task for task in last.values() if task.status in UNSUCCESSFUL]
            if not unsuccessful and workflow.wire["status"] != "TIMED_OUT":
                text = (
                    "There are no retryable tasks! Use restart if you want to attempt entire workflow execution again."
                )
                raise Refusal(409, text)
            again = [new for task in unsuccessful if (new := self._retried(workflow, task)) is not None]
            workflow.wire["lastRetriedTime"] = self._state.now_ms
            self._mover.scheduling.schedule(workflow, again)
            for task in again:
                self._state.save_task(task)
            self._go_on(workflow)

    def _innermost_failed(self, workflow: WorkflowRecord) -> WorkflowRecord:
        failed = next((task for task in workflow.tasks if task.status in UNSUCCESSFUL), None)
        if failed is not None and failed.wire["taskType"] == "DO_WHILE":
            children = [task for task in workflow.tasks if "subWorkflowId" in task.wire]
            failed = next((task for task in children if task.status in UNSUCCESSFUL), None)
        if failed is None or "subWorkflowId" not in failed.wire:
            return workflow
        child = self._state.workflow(failed.wire["subWorkflowId"])
        return self._innermost_failed(child) if any(task.status in UNSUCCESSFUL for task in child.tasks) else workflow

    def _retried(self, workflow: WorkflowRecord, task: TaskRecord) -> TaskRecord | None:
        """The next try of the task. A JOIN or a loop goes on itself."""
        if task.wire["taskType"] in _CONTINUED:
            self._continue(task)
            return None
        task.wire.update(retried=True, executed=True)
        self._state.save_task(task)
        return copy_for_retry(self._mover.making(workflow), task)

    def _continue(self, task: TaskRecord) -> None:
        task.wire.update(status="IN_PROGRESS", retried=False, executed=False, endTime=0)
        task.set_reason(None)
        self._state.save_task(task)

    def rerun(self, workflow_id: str, request: Wire) -> str:
        """Run again from the beginning or from reRunFromTaskId, with the input of a RerunWorkflowRequest.

        Refusal 404; 409 if it runs; 400 if the task is not one of the workflow.
        """
        with self._state.transaction():
            workflow = self._ended(workflow_id, "rerun")
            task_id = request.get("reRunFromTaskId")
            first = next((task for task in workflow.tasks if task.task_id == task_id), None)
            if task_id is not None and first is None:
                raise Refusal(400, f"Task {task_id} not found")
            if request.get("correlationId") is not None:
                workflow.wire["correlationId"] = request["correlationId"]
            if request.get("workflowInput") is not None:
                forget_stored(workflow, "input")
                workflow.wire["input"] = request["workflowInput"]
            workflow.wire.update(failedReferenceTaskNames=[], failedTaskNames=[])
            seq = first.wire["seq"] if first else -1
            self._state.forget_tasks(workflow, lambda task: task.wire["seq"] > seq)
            if first is not None:
                self._begin_again(workflow, first, request.get("taskInput"))
            self._go_on(workflow)
            return workflow_id

    def _begin_again(self, workflow: WorkflowRecord, first: TaskRecord, task_input: Wire | None) -> None:
        """Reset the task to run again, and tasks before it that had failed or been canceled."""
        for task in workflow.tasks:
            if task is first or task.status in UNSUCCESSFUL:
                forget_stored(task, "outputData")
                zeros = ("startTime", "endTime", "updateTime", "pollCount")
                task.wire.update(dict.fromkeys(zeros, 0), outputData={}, retried=False, executed=False)
                task.wire.update(status="SCHEDULED", scheduledTime=self._state.now_ms)
                for member in ("subWorkflowId", "reasonForIncompletion"):
                    task.wire.pop(member, None)
                if task is first and task_input is not None:
                    forget_stored(task, "inputData")
                    task.wire["inputData"] = task_input
                if self._mover.kinds.is_for_workers(task):
                    self._state.enqueue(task, 0)
                elif task.wire["taskType"] != "SUB_WORKFLOW":
                    task.wire["status"] = "IN_PROGRESS"
                self._state.save_task(task)

    def _ended(self, workflow_id: str, purpose: str) -> WorkflowRecord:
        workflow = self._state.workflow(workflow_id)
        if not workflow.ended:
            state = f"{short_name(workflow)}.{workflow.wire['status']}"
            raise Refusal(409, f"Workflow: {state} is not in terminal state, unable to {purpose}.")
        return workflow

    def _go_on(self, workflow: WorkflowRecord) -> None:
        self._reopen(workflow)
        self._reopen_parents(workflow)
        self._mover.decide(workflow)

    def _reopen(self, workflow: WorkflowRecord) -> None:
        forget_stored(workflow, "output")
        workflow.wire["status"] = "RUNNING"  # endTime stays, as on the server
        workflow.wire.pop("reasonForIncompletion", None)
        workflow.timer = None
        self._state.save_workflow(workflow)

    def _reopen_parents(self, child: WorkflowRecord) -> None:
        found = self._state.find_task(child.wire.get("parentWorkflowTaskId", ""))
        if found is None or found[1].wire.get("subWorkflowId") != child.workflow_id:
            return
        parent, task = found
        if task.ended:
            self._continue(task)
        if parent.ended:
            for join in parent.tasks:
                if join.wire["taskType"] in _CONTINUED and join.status in UNSUCCESSFUL:
                    self._continue(join)
            self._reopen(parent)
            self._reopen_parents(parent)
            self._state.to_decide.append(parent)
