"""Calls that let a workflow run again after its end: restart, retry, rerun."""

from __future__ import annotations

from conductor.testing.engine.definitions.blueprints import Blueprints
from conductor.testing.engine.effects.mover import Mover
from conductor.testing.engine.effects.revival import Revival
from conductor.testing.engine.records.records import UNSUCCESSFUL, TaskRecord, Wire, WorkflowRecord
from conductor.testing.engine.records.refusals import Refusal
from conductor.testing.engine.state.payloads import forget_stored
from conductor.testing.engine.state.state import State


class Again:
    """A workflow that runs again lets the workflows above it go on."""

    def __init__(self, state: State, blueprints: Blueprints, revival: Revival, mover: Mover) -> None:
        self._state = state
        self._blueprints = blueprints
        self._revival = revival
        self._mover = mover

    def restart(self, workflow_id: str, use_latest_definitions: bool = False) -> None:
        """Begin again with the same id and input, and with the same or the latest definition.

        Refusal 404; 409 if it runs.
        """
        with self._state.transaction():
            workflow = self._ended(workflow_id, "restart")
            if use_latest_definitions:
                latest = self._blueprints.registered(workflow.wire["workflowName"], None)
                if latest is None:
                    raise Refusal(404, f"Unable to find latest definition for {workflow_id}")
                workflow.blueprint = latest
                workflow.wire["workflowVersion"] = latest.definition["version"]
            if not workflow.blueprint.definition["restartable"] and workflow.wire["status"] == "COMPLETED":
                raise Refusal(404, f"Workflow: {workflow.short_name} is non-restartable")
            self._state.forget_tasks(workflow, workflow.tasks)
            now = self._state.now_ms
            workflow.wire.update(createTime=now, startTime=now, endTime=0, lastRetriedTime=0, output={})
            self._revival.reopen(workflow)
            self._mover.decide(workflow)
            self._revival.push_parents(workflow, "restarted")

    def retry(self, workflow_id: str, resume_subworkflow_tasks: bool = False) -> None:
        """Try failed and canceled tasks again. Refusal 404 if it runs; 409 if there is no such task.

        resume_subworkflow_tasks: retry in the innermost sub-workflow that failed, which then goes on.
        """
        with self._state.transaction():
            workflow = self._state.workflow(workflow_id)
            if not workflow.ended:
                raise Refusal(404, f"Workflow is still running.  status={workflow.wire['status']}")
            if not workflow.tasks:
                raise Refusal(409, "Workflow has not started yet")
            if resume_subworkflow_tasks:
                failed = _first_unsuccessful(workflow)
                if failed is None:
                    return
                workflow = self._innermost(workflow, failed)
            self._revival.retry(workflow)
            self._revival.push_parents(workflow, "retried")
            self._mover.decide(workflow)

    def _innermost(self, workflow: WorkflowRecord, failed: TaskRecord) -> WorkflowRecord:
        """The workflow in which a task failed, followed through the sub-workflows. failed: a task of the workflow."""
        if failed.wire["taskType"] == "DO_WHILE":
            children = (task for task in workflow.tasks if task.wire["taskType"] == "SUB_WORKFLOW")
            found = next((task for task in children if task.status in UNSUCCESSFUL), None)
            return workflow if found is None else self._innermost(workflow, found)
        if "subWorkflowId" not in failed.wire:
            return workflow
        child = self._state.workflow(failed.wire["subWorkflowId"])
        inner = _first_unsuccessful(child)
        return workflow if inner is None else self._innermost(child, inner)

    def rerun(self, workflow_id: str, request: Wire) -> str:
        """Run again from the beginning or from reRunFromTaskId, with the input of a RerunWorkflowRequest.

        Refusal 404; 409 if it runs; 400 if the task is neither one of the workflow nor one of its sub-workflows.
        """
        with self._state.transaction():
            if not self._rerun(workflow_id, request):
                raise Refusal(400, f"Task {request['reRunFromTaskId']} not found")
            return workflow_id

    def _rerun(self, workflow_id: str, request: Wire) -> bool:
        """Whether the task was found."""
        workflow = self._ended(workflow_id, "rerun")
        task_id = request.get("reRunFromTaskId")
        if task_id is None:
            self._rerun_all(workflow, request)
            return True
        first = next((task for task in workflow.tasks if task.task_id == task_id), None)
        if first is None:
            return self._rerun_in_child(workflow, request)
        self._open_for_rerun(workflow, request)
        seq = first.wire["seq"]
        if first.wire["taskType"] == "SUB_WORKFLOW":
            self._reset(first)
            first.wire.pop("subWorkflowId", None)
            first.set_reason(None)
            self._revival.schedule_again(first)
        elif first.workflow_task.get("type") == "FORK_JOIN_DYNAMIC":
            self._state.forget_tasks(workflow, [task for task in workflow.tasks if task.wire["seq"] >= seq])
            self._revival.begin(workflow, first.workflow_task)
        else:
            self._state.forget_tasks(workflow, [task for task in workflow.tasks if task.wire["seq"] > seq])
            self._reset(first)
            if request.get("taskInput") is not None:
                forget_stored(first, "inputData")
                first.wire["inputData"] = request["taskInput"]
            self._revival.schedule_again(first)
        self._revival.repeat_unsuccessful(workflow, first)
        self._go_on(workflow)
        return True

    def _rerun_all(self, workflow: WorkflowRecord, request: Wire) -> None:
        self._state.forget_tasks(workflow, workflow.tasks)
        self._open_for_rerun(workflow, request)
        self._go_on(workflow)

    def _rerun_in_child(self, workflow: WorkflowRecord, request: Wire) -> bool:
        """Look for the task in the sub-workflows. The one that has it is not started anew."""
        inner = {name: request.get(name) for name in ("reRunFromTaskId", "taskInput")}
        retried_at, now = workflow.wire["lastRetriedTime"], self._state.now_ms
        for task in workflow.tasks:
            if "subWorkflowId" not in task.wire or not self._rerun(task.wire["subWorkflowId"], inner):
                continue
            workflow.wire["lastRetriedTime"] = retried_at
            self._open_for_rerun(workflow, request)
            task.wire.update(scheduledTime=now, startTime=now, endTime=0, pollCount=0, retried=False, executed=False)
            self._revival.follow_child(task, self._state.workflow(task.wire["subWorkflowId"]))
            self._go_on(workflow)
            return True
        return False

    def _open_for_rerun(self, workflow: WorkflowRecord, request: Wire) -> None:
        if request.get("correlationId") is not None:
            workflow.wire["correlationId"] = request["correlationId"]
        if request.get("workflowInput") is not None:
            forget_stored(workflow, "input")
            workflow.wire["input"] = request["workflowInput"]
        workflow.wire.update(failedReferenceTaskNames=[], failedTaskNames=[])
        self._revival.reopen(workflow)

    def _go_on(self, workflow: WorkflowRecord) -> None:
        self._revival.push_parents(workflow, "reran")
        self._mover.decide(workflow)

    def _reset(self, task: TaskRecord) -> None:
        """Forget what the task has done."""
        forget_stored(task, "outputData")
        zeros = ("startTime", "endTime", "updateTime", "pollCount")
        task.wire.update(dict.fromkeys(zeros, 0), outputData={}, retried=False, executed=False)
        task.wire["scheduledTime"] = self._state.now_ms

    def _ended(self, workflow_id: str, purpose: str) -> WorkflowRecord:
        workflow = self._state.workflow(workflow_id)
        if not workflow.ended:
            state = f"{workflow.short_name}.{workflow.wire['status']}"
            raise Refusal(409, f"Workflow: {state} is not in terminal state, unable to {purpose}.")
        return workflow


def _first_unsuccessful(workflow: WorkflowRecord) -> TaskRecord | None:
    return next((task for task in workflow.tasks if task.status in UNSUCCESSFUL), None)
