"""The begin and the end of workflows, and the effects on their parents, children and failure workflows."""

from __future__ import annotations

from collections import deque
from typing import Any

from conductor.testing.engine.blueprint import Blueprint
from conductor.testing.engine.document import document_of
from conductor.testing.engine.model import Refusal, TaskRecord, Termination, Wire, WorkflowRecord, new_id
from conductor.testing.engine.retries import Retries
from conductor.testing.expressions import fill

DEEPEST_SUB_WORKFLOW = 100
_CHILD_TO_TASK = {"TERMINATED": "CANCELED"}


class Endings(Retries):
    """Creates and finishes workflows. ``_to_decide`` holds the workflows that must be looked at next."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._to_decide: deque[WorkflowRecord] = deque()
        super().__init__(*arguments, **options)

    # Beginnings

    def _create(self, blueprint: Blueprint, request: Wire, **parent: str) -> WorkflowRecord:
        """A new workflow, about which nothing is decided yet. request: a StartWorkflowRequest that has been checked."""
        now = self._now_ms
        template = blueprint.definition["inputTemplate"]
        wire: Wire = {
            "ownerApp": "",
            "createTime": now,
            "updateTime": 0,
            "status": "RUNNING",
            "endTime": 0,
            "workflowId": new_id(),
            "input": {**template, **(request.get("input") or {})},
            "output": {},
            "taskToDomain": request.get("taskToDomain") or {},
            "failedReferenceTaskNames": [],
            "priority": request.get("priority") or 0,
            "variables": dict(blueprint.definition["variables"]),
            "lastRetriedTime": 0,
            "failedTaskNames": [],
            "history": [],
            "rateLimited": False,
            "startTime": now,
            "workflowName": blueprint.definition["name"],
            "workflowVersion": blueprint.definition["version"],
            **parent,
        }
        if request.get("correlationId") is not None:
            wire["correlationId"] = request["correlationId"]
        workflow = WorkflowRecord(wire, blueprint)
        too_large = self._payloads.limit_workflow(workflow, "input")
        if too_large:
            raise Refusal(500, too_large)
        self._workflows[workflow.workflow_id] = workflow
        self._save_workflow(workflow)
        return workflow

    def _find_definition(self, name: str, version: int | None) -> Wire:
        found = self._lookup(name, version)
        if found is None:
            text = "null" if version is None else version
            raise Refusal(404, f"No such workflow defined. name={name}, version={text}")
        return found

    # Children

    def _execute(self, workflow: WorkflowRecord, task: TaskRecord) -> bool:
        """Run an open system task as far as it can go now."""
        if task.wire["taskType"] != "SUB_WORKFLOW":
            return super()._execute(workflow, task)
        if task.status != "SCHEDULED" or self._now_ms < task.wait_until:
            return False
        task.wait_until = 0
        self._start_child(workflow, task)
        return True

    def _start_child(self, workflow: WorkflowRecord, task: TaskRecord) -> None:
        given = task.wire["inputData"]
        request = {
            "input": given["workflowInput"] or given,  # if it has no input of its own, the server passes all of this on
            "taskToDomain": given["subWorkflowTaskToDomain"] or workflow.wire["taskToDomain"],
            "correlationId": workflow.wire.get("correlationId"),
            "priority": given.get("priority"),
        }
        parent = {"parentWorkflowId": workflow.workflow_id, "parentWorkflowTaskId": task.task_id}
        task.wire["startTime"] = self._now_ms
        if self._level(workflow) >= DEEPEST_SUB_WORKFLOW:
            task.wire["status"] = "FAILED_WITH_TERMINAL_ERROR"
            name = given["subWorkflowName"]
            task.set_reason(f"Sub-workflow {name} is over {DEEPEST_SUB_WORKFLOW} levels deep: does it start itself?")
            return
        try:
            definition = self._find_definition(given["subWorkflowName"], given["subWorkflowVersion"])
            child = self._create(self._blueprint_of(definition), request, **parent)
        except Refusal as refusal:
            task.wire["status"] = "FAILED"
            task.set_reason(refusal.message)
            return
        task.wire.update(
            status="IN_PROGRESS", subWorkflowId=child.workflow_id, outputData={"subWorkflowId": child.workflow_id}
        )
        self._to_decide.append(child)

    def _level(self, workflow: WorkflowRecord) -> int:
        """The number of parents above a workflow."""
        level, above = 0, self._workflows.get(workflow.wire.get("parentWorkflowId", ""))
        while above is not None:
            level, above = level + 1, self._workflows.get(above.wire.get("parentWorkflowId", ""))
        return level

    def _tell_parent(self, child: WorkflowRecord) -> None:
        """A child has ended, so its parent's task ends with the child's status and output."""
        found = self._find_task(child.wire["parentWorkflowTaskId"]) if "parentWorkflowTaskId" in child.wire else None
        if found is None or found[1].ended or found[1].wire.get("subWorkflowId") != child.workflow_id:
            return
        parent, task = found
        status = child.wire["status"]
        task.wire["status"] = _CHILD_TO_TASK.get(status, status)
        task.wire["outputData"] = {"subWorkflowId": child.workflow_id, **child.output}
        if status != "COMPLETED":
            reason = child.wire.get("reasonForIncompletion", "null")
            task.set_reason(f"Sub workflow {short_name(child)} failure reason: {reason}")
        self._save_task(task)
        self._to_decide.append(parent)

    def _terminate_child(self, workflow: WorkflowRecord, task: TaskRecord) -> None:
        child = self._workflows.get(task.wire["subWorkflowId"])
        if child is not None and not child.ended:
            reason = workflow.wire.get("reasonForIncompletion")
            reason = f"reason: {reason}" if reason else f"status {workflow.wire['status']}"
            self._terminate(child, Termination(f"Parent workflow has been terminated with {reason}", "TERMINATED"))

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
        request = {name: workflow.wire.get(name) for name in ("correlationId", "taskToDomain")}
        try:
            definition = self._find_definition(name, workflow.blueprint.definition.get("failureWorkflowVersion"))
            started = self._create(self._blueprint_of(definition), {**request, "input": given})
        except Refusal as refusal:
            result = f"Error workflow {name} failed to start.  reason: {refusal.message}"
        else:
            result = started.workflow_id
            self._to_decide.append(started)
        workflow.wire["output"] = {**workflow.output, "conductor.failure_workflow": result}

    # Ends

    def _end(self, workflow: WorkflowRecord, terminated_by: TaskRecord | None) -> None:
        """End a workflow, because all its tasks are done, or because a TERMINATE task ends it."""
        status = terminated_by.wire["inputData"]["terminationStatus"] if terminated_by else "COMPLETED"
        if terminated_by:
            reason = terminated_by.wire["inputData"].get("terminationReason")
            reason = reason or f"Workflow is {status} by TERMINATE task: {terminated_by.task_id}"
            if status != "COMPLETED":
                self._terminate(workflow, Termination(reason, status, terminated_by))
                return
            workflow.wire["reasonForIncompletion"] = reason
        self._set_output(workflow)
        self._finish(workflow, "COMPLETED")

    def _terminate(self, workflow: WorkflowRecord, termination: Termination) -> None:
        """End a workflow that has not succeeded, and start its failureWorkflow."""
        workflow.wire["status"] = termination.status
        if termination.task is not None:
            self._save_task(termination.task)
        self._set_output(workflow)
        if termination.reason is not None:
            workflow.wire["reasonForIncompletion"] = termination.reason
        self._finish(workflow, termination.status)
        name = workflow.blueprint.definition.get("failureWorkflow")
        if name:
            self._start_failure_workflow(workflow, str(fill(name, document_of(workflow))), termination.task)

    def _finish(self, workflow: WorkflowRecord, status: str) -> None:
        too_large = self._payloads.limit_workflow(workflow, "output")
        if too_large:
            workflow.wire["reasonForIncompletion"] = too_large
            status = "FAILED" if status == "COMPLETED" else status
        workflow.wire.update(status=status, endTime=self._now_ms)
        failed = [task for task in workflow.tasks if task.status in {"FAILED", "FAILED_WITH_TERMINAL_ERROR"}]
        for member, name in (("failedReferenceTaskNames", "referenceTaskName"), ("failedTaskNames", "taskDefName")):
            names = [*workflow.wire[member], *(task.wire[name] for task in failed)]
            workflow.wire[member] = sorted(set(names))
        for task in workflow.tasks:
            if not task.ended:
                task.wire["status"] = "CANCELED"
                self._save_task(task)
                if "subWorkflowId" in task.wire:
                    self._terminate_child(workflow, task)
        self._save_workflow(workflow)
        self._tell_parent(workflow)


def short_name(workflow: WorkflowRecord) -> str:
    """The name of a workflow in the server's messages."""
    return f"{workflow.wire['workflowName']}.{workflow.wire['workflowVersion']}/{workflow.workflow_id}"
