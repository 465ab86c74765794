"""The begin and the end of workflows, and the effects on their parents, children and failure workflows."""

from __future__ import annotations

from conductor.testing.engine.deciding.outputs import output_of
from conductor.testing.engine.definitions.definitions import Definitions
from conductor.testing.engine.records.blueprint import Blueprint
from conductor.testing.engine.records.document import document_of
from conductor.testing.engine.records.records import TaskRecord, Wire, WorkflowRecord, new_workflow
from conductor.testing.engine.records.refusals import Refusal, Termination
from conductor.testing.engine.state.state import State
from conductor.testing.expressions import fill

_CHILD_TO_TASK = {"TERMINATED": "CANCELED"}


class Lives:
    """Creates and ends workflows. Those that must be looked at next are added to ``to_decide`` of the state."""

    def __init__(self, state: State, definitions: Definitions) -> None:
        self._state = state
        self._definitions = definitions

    # Beginnings

    def start(self, request: Wire, parent: TaskRecord | None = None) -> WorkflowRecord:
        """A new workflow, about which nothing is decided yet. request: a StartWorkflowRequest that has been checked.

        Refusal: its definition is unknown or refused, or its input is too large.
        """
        return self._create(self._definitions.of_request(request), request, parent)

    def _create(self, blueprint: Blueprint, request: Wire, parent: TaskRecord | None) -> WorkflowRecord:
        workflow = new_workflow(blueprint, request, self._state.now_ms)
        if parent is not None:
            workflow.wire["parentWorkflowId"] = parent.wire["workflowInstanceId"]
            workflow.wire["parentWorkflowTaskId"] = parent.task_id
        too_large = self._state.payloads.limit_workflow(workflow, "input")
        if too_large:
            raise Refusal(500, too_large)
        self._state.add_workflow(workflow)
        self._state.to_decide.append(workflow)
        return workflow

    def _start_failure_workflow(self, workflow: WorkflowRecord, name: str, task: TaskRecord | None) -> None:
        given = {
            **workflow.input,
            "workflowId": workflow.workflow_id,
            "reason": workflow.wire.get("reasonForIncompletion"),
            "failureStatus": workflow.wire["status"],
            "failedWorkflow": {**workflow.wire, "tasks": [dict(task.wire) for task in workflow.tasks]},
        }
        if task is not None:
            given["failureTaskId"] = task.task_id
        request = {
            "name": name,
            "version": workflow.blueprint.definition.get("failureWorkflowVersion"),
            "input": given,
            "correlationId": workflow.wire.get("correlationId"),
            "taskToDomain": workflow.wire["taskToDomain"],
        }
        try:
            result = self.start(request).workflow_id
        except Refusal as refusal:
            result = f"Error workflow {name} failed to start.  reason: {refusal.message}"
        workflow.wire["output"] = {**workflow.output, "conductor.failure_workflow": result}

    # Parents and children

    def level(self, workflow: WorkflowRecord) -> int:
        """The number of parents above a workflow."""
        level, above = 0, self._parent_of(workflow)
        while above is not None:
            level, above = level + 1, self._parent_of(above)
        return level

    def _parent_of(self, workflow: WorkflowRecord) -> WorkflowRecord | None:
        return self._state.workflows.get(workflow.wire.get("parentWorkflowId", ""))

    def _tell_parent(self, child: WorkflowRecord) -> None:
        """A child has ended, so its parent's task ends with the child's status and output."""
        if "parentWorkflowTaskId" not in child.wire:
            return
        found = self._state.find_task(child.wire["parentWorkflowTaskId"])
        if found is None or found[1].ended or found[1].wire.get("subWorkflowId") != child.workflow_id:
            return
        parent, task = found
        status = child.wire["status"]
        task.wire["status"] = _CHILD_TO_TASK.get(status, status)
        task.wire["outputData"] = {"subWorkflowId": child.workflow_id, **child.output}
        if status != "COMPLETED":
            reason = child.wire.get("reasonForIncompletion", "null")
            task.set_reason(f"Sub workflow {short_name(child)} failure reason: {reason}")
        self._state.save_task(task)
        self._state.to_decide.append(parent)

    def _terminate_child(self, workflow: WorkflowRecord, task: TaskRecord) -> None:
        child = self._state.workflows.get(task.wire["subWorkflowId"])
        if child is not None and not child.ended:
            reason = workflow.wire.get("reasonForIncompletion")
            reason = f"reason: {reason}" if reason else f"status {workflow.wire['status']}"
            self.terminate(child, Termination(f"Parent workflow has been terminated with {reason}", "TERMINATED"))

    # Ends

    def complete(self, workflow: WorkflowRecord, terminated_by: TaskRecord | None) -> None:
        """End a workflow, because all its tasks are done, or because a TERMINATE task ends it."""
        if terminated_by is not None:
            given = terminated_by.wire["inputData"]
            status = given["terminationStatus"]
            reason = given.get("terminationReason")
            reason = reason or f"Workflow is {status} by TERMINATE task: {terminated_by.task_id}"
            if status != "COMPLETED":
                self.terminate(workflow, Termination(reason, status, terminated_by))
                return
            workflow.wire["reasonForIncompletion"] = reason
        workflow.wire["output"] = output_of(workflow)
        self._finish(workflow, "COMPLETED")

    def terminate(self, workflow: WorkflowRecord, termination: Termination) -> None:
        """End a workflow that has not succeeded, and start its failureWorkflow."""
        workflow.wire["status"] = termination.status
        if termination.task is not None:
            self._state.save_task(termination.task)
        workflow.wire["output"] = output_of(workflow)
        if termination.reason is not None:
            workflow.wire["reasonForIncompletion"] = termination.reason
        self._finish(workflow, termination.status)
        name = workflow.blueprint.definition.get("failureWorkflow")
        if name:
            self._start_failure_workflow(workflow, str(fill(name, document_of(workflow))), termination.task)

    def _finish(self, workflow: WorkflowRecord, status: str) -> None:
        too_large = self._state.payloads.limit_workflow(workflow, "output")
        if too_large:
            workflow.wire["reasonForIncompletion"] = too_large
            status = "FAILED" if status == "COMPLETED" else status
        workflow.wire.update(status=status, endTime=self._state.now_ms)
        failed = [task for task in workflow.tasks if task.status in {"FAILED", "FAILED_WITH_TERMINAL_ERROR"}]
        for member, name in (("failedReferenceTaskNames", "referenceTaskName"), ("failedTaskNames", "taskDefName")):
            names = [*workflow.wire[member], *(task.wire[name] for task in failed)]
            workflow.wire[member] = sorted(set(names))
        for task in workflow.tasks:
            if not task.ended:
                task.wire["status"] = "CANCELED"
                self._state.save_task(task)
                if "subWorkflowId" in task.wire:
                    self._terminate_child(workflow, task)
        self._state.save_workflow(workflow)
        self._tell_parent(workflow)


def short_name(workflow: WorkflowRecord) -> str:
    """The name of a workflow in the server's messages."""
    return f"{workflow.wire['workflowName']}.{workflow.wire['workflowVersion']}/{workflow.workflow_id}"
