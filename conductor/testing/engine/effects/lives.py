"""The begin and the end of workflows, and the effects on their parents, children and failure workflows."""

from __future__ import annotations

import uuid

from conductor.testing.engine.deciding.outputs import output_of
from conductor.testing.engine.definitions.blueprints import Blueprints
from conductor.testing.engine.records.records import TaskRecord, Wire, WorkflowRecord, new_workflow
from conductor.testing.engine.records.refusals import Refusal, Termination
from conductor.testing.engine.state.payloads import uploaded
from conductor.testing.engine.state.state import State
from conductor.testing.engine.tasks.sub_workflow import follow


class Lives:
    """Creates and ends workflows. Those that must be looked at next are added to ``to_decide`` of the state."""

    def __init__(self, state: State, blueprints: Blueprints) -> None:
        self._state = state
        self._blueprints = blueprints

    # Beginnings

    def start(self, request: Wire, parent: TaskRecord | None = None) -> WorkflowRecord:
        """A new workflow, about which nothing is decided yet. request: a StartWorkflowRequest that has been checked.

        parent: the task that ends with it. If it has a child from before that did not fail, this is the child again.
        Refusal: its definition is unknown or refused, or its input is too large.
        """
        inline = request.get("workflowDef") if parent is not None else None
        blueprint = self._blueprints.of_request(request) if inline is None else self._blueprints.of_child(inline)
        workflow = new_workflow(blueprint, request, self._state.now_ms)
        path = request.get("externalInputPayloadStoragePath")
        if path and not request.get("input"):
            workflow.stored["input"] = uploaded(self._state.store, path)
            workflow.wire["externalInputPayloadStoragePath"] = path
        if parent is not None:
            child_id = _child_id(parent)
            earlier = self._state.find_workflow(child_id)
            if earlier is None:
                workflow.wire["workflowId"] = child_id
            elif not earlier.ended or earlier.wire["status"] == "COMPLETED":
                return earlier
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
            "failedWorkflow": _as_model(workflow, task),
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
        if found is None or found[1].wire.get("subWorkflowId") != child.workflow_id:
            return
        parent, task = found
        follow(task, child)
        self._state.save_task(task)
        if parent.ended:
            self._state.save_workflow(parent)  # otherwise its tasks are not stored again
        self._state.to_decide.append(parent)

    def _terminate_child(self, workflow: WorkflowRecord, task: TaskRecord) -> None:
        child = self._state.workflows.get(task.wire["subWorkflowId"])
        if child is not None and not child.ended:
            reason = workflow.wire.get("reasonForIncompletion")
            reason = f"reason: {reason}" if reason else f"status {workflow.wire['status']}"
            self._stop(child, Termination(f"Parent workflow has been terminated with {reason}", "TERMINATED"))

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
        self._tell_parent(workflow)

    def terminate(self, workflow: WorkflowRecord, termination: Termination) -> None:
        """End a workflow that has not succeeded, and start its failureWorkflow."""
        if termination.task is not None:
            self._state.save_task(termination.task)
        self._stop(workflow, termination)
        self._tell_parent(workflow)
        name = _failure_workflow(workflow)
        if name:
            self._start_failure_workflow(workflow, name, termination.task)

    def cancel(self, workflow: WorkflowRecord, reason: str | None) -> None:
        """End a workflow because somebody wants it. Its failureWorkflow is not started (3.32.3)."""
        self._stop(workflow, Termination(reason, "TERMINATED"))
        self._tell_parent(workflow)

    def _stop(self, workflow: WorkflowRecord, termination: Termination) -> None:
        workflow.wire["status"] = termination.status
        workflow.wire["output"] = output_of(workflow)
        if termination.reason is not None:
            workflow.wire["reasonForIncompletion"] = termination.reason
        self._finish(workflow, termination.status)

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


def _failure_workflow(workflow: WorkflowRecord) -> str | None:
    """The name that a definition gives. After a dollar it is the path of an input, of which the third part counts."""
    name: str | None = workflow.blueprint.definition.get("failureWorkflow")
    if name is None or not name.startswith("$"):
        return name
    parts = name.split(".")
    found = workflow.input.get(parts[2]) if len(parts) > 2 else None
    return found if isinstance(found, str) else None


_NOT_IN_THE_MODEL = frozenset({"history", "rateLimited", "startTime", "updateTime"})


def _as_model(workflow: WorkflowRecord, task: TaskRecord | None) -> Wire:
    """A workflow as the server gives it to its failureWorkflow, with some other members than in its answers."""
    model = {name: value for name, value in workflow.wire.items() if name not in _NOT_IN_THE_MODEL}
    model |= {"updatedTime": workflow.wire["updateTime"], "previousStatus": "RUNNING"}
    model |= {"workflowDefinition": workflow.blueprint.definition}
    model |= {"tasks": [dict(task.wire) for task in workflow.tasks]}
    return model if task is None else {**model, "failedTaskId": task.task_id}


def _child_id(task: TaskRecord) -> str:
    """The id of the first child of a task. After a rerun of the task its child from before is found by it."""
    source = f"{task.wire['workflowInstanceId']}:{task.task_id}:{task.wire['retryCount']}"
    return str(uuid.uuid5(uuid.NAMESPACE_OID, source))
