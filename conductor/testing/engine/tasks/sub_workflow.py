"""SUB_WORKFLOW: runs another workflow."""

from __future__ import annotations

from typing import Any

from conductor.testing.engine.records.records import TaskRecord, Wire, WorkflowRecord
from conductor.testing.engine.records.refusals import Refusal
from conductor.testing.engine.tasks.kind import EngineTask, Making, Run
from conductor.testing.engine.tasks.outcome import FAILED_FOR_GOOD, fail

DEEPEST = 100
"""The most parents that a workflow has. A workflow may start itself."""


class SubWorkflow(EngineTask):
    """It ends with the workflow that it starts, its child."""

    def problems(self, step: Wire, where: str) -> list[str]:
        if "subWorkflowParam" not in step:
            return [f"subWorkflowParam field is required for {where}"]
        if not step["subWorkflowParam"].get("name"):
            return [f"subWorkflowParam.name field is required for {where}"]
        return []

    def make(self, making: Making, step: Wire, retry_count: int) -> list[TaskRecord]:  # noqa: ARG002 - of the protocol
        task = making.delayed(step, 0)
        given, definition = _filled(making, step["subWorkflowParam"])
        task.wire["inputData"] = {
            "subWorkflowName": given["name"],
            "subWorkflowVersion": given.get("version") if definition is None else None,
            "subWorkflowTaskToDomain": given.get("taskToDomain"),
            "subWorkflowDefinition": definition,
            "idempotencyKey": given.get("idempotencyKey"),
            "idempotencyStrategy": given.get("idempotencyStrategy"),
            "workflowInput": task.wire["inputData"],
            "priority": given.get("priority"),
        }
        if isinstance(step["subWorkflowParam"].get("priority"), int):
            task.wire["workflowPriority"] = given["priority"]
        return [task]

    def execute(self, run: Run, task: TaskRecord) -> bool:
        """Start the child when its time has come."""
        if task.status != "SCHEDULED" or run.making.now_ms < task.begins_at:
            return False
        task.wire["startTime"] = run.making.now_ms
        given = task.wire["inputData"]
        name = given["subWorkflowName"]
        if run.level() >= DEEPEST:
            text = f"Sub-workflow {name} is over {DEEPEST} levels deep: does it start itself?"
            return fail(task, text, FAILED_FOR_GOOD)
        request = {
            "name": name,
            "version": given["subWorkflowVersion"] or None,  # 0 is the latest one
            "workflowDef": given["subWorkflowDefinition"],
            "input": _input_of_child(given),
            "taskToDomain": given["subWorkflowTaskToDomain"] or run.workflow.wire["taskToDomain"],
            "correlationId": run.workflow.wire.get("correlationId"),
            "priority": given.get("priority"),
        }
        try:
            child = run.start(request, task)
        except Refusal as refusal:
            reasons = [str(each["message"]) for each in refusal.validation_errors]
            return fail(task, "; ".join(reasons) or refusal.message)
        task.set_reason(None)
        task.wire.update(subWorkflowId=child.workflow_id, outputData={"subWorkflowId": child.workflow_id})
        follow(task, child)
        return True


_STATUS = {"RUNNING": "IN_PROGRESS", "PAUSED": "IN_PROGRESS", "TERMINATED": "CANCELED"}


def follow(task: TaskRecord, child: WorkflowRecord) -> None:
    """Give a task the status of its child. At the end of the child also its output, and why it failed."""
    status = child.wire["status"]
    task.wire["status"] = _STATUS.get(status, status)
    if not child.ended:
        return
    task.wire["outputData"] = {**task.output, **child.output, "subWorkflowId": child.workflow_id}
    if status != "COMPLETED":
        reason = child.wire.get("reasonForIncompletion", "null")
        task.set_reason(f"Sub workflow {child.short_name} failure reason: {reason}")


def _filled(making: Making, param: Wire) -> tuple[Wire, Any]:
    """The param with its expressions replaced, and the definition in it. In that nothing is replaced."""
    inline = param.get("workflowDefinition")
    filled = making.filled({name: value for name, value in param.items() if value is not inline})
    return filled, making.filled(inline) if isinstance(inline, str) else inline


def _input_of_child(given: Wire) -> Wire:
    """Without an input of its own, the server passes all of the task's input on. It marks definitions of its own."""
    found = given["workflowInput"] or given
    if given["subWorkflowDefinition"] is None:
        return found
    known = found.get("_systemMetadata")
    return {**found, "_systemMetadata": {**(known if isinstance(known, dict) else {}), "dynamic": True}}
