"""The check of ``DevServer(strict_inputs=True)``: each expression in the input of a task has a value."""

from __future__ import annotations

from conductor.testing.engine.records.document import document_of
from conductor.testing.engine.records.records import Wire, WorkflowRecord
from conductor.testing.engine.records.refusals import Refusal, Termination
from conductor.testing.expressions import unresolved_in

BEGIN = "strict_inputs: "
"""The begin of the reason of a workflow that has failed by this check. A parent's reason contains that of its child."""

_OF_SUB_WORKFLOWS = ("name", "version", "taskToDomain", "idempotencyKey", "priority")


def check_inputs(workflow: WorkflowRecord, step: Wire) -> None:
    """Termination: an expression has no value. A default of the task definition counts as one.

    The input of a DO_WHILE may name tasks inside of the loop, which do not exist at its begin.
    """
    if step["type"] == "DO_WHILE":
        return
    defaults = (step.get("taskDefinition") or {}).get("inputTemplate") or {}
    parameters = {name: value for name, value in step["inputParameters"].items() if defaults.get(name) is None}
    if step["type"] == "SUB_WORKFLOW":
        given = step["subWorkflowParam"]
        parameters["subWorkflowParam"] = {name: given[name] for name in _OF_SUB_WORKFLOWS if name in given}
    found = [str(each) for each in unresolved_in(parameters, document_of(workflow))]
    if found:
        raise Termination(f"{BEGIN}task {step['taskReferenceName']}, parameter {'; parameter '.join(found)}")


def is_unresolved(workflow_wire: Wire) -> bool:
    """Whether the workflow, or a child of it, has failed by the check."""
    return workflow_wire["status"] == "FAILED" and BEGIN in workflow_wire.get("reasonForIncompletion", "")


def refuse_unresolved(workflow: WorkflowRecord) -> None:
    """Refuse the call that has started a workflow which has failed by the check, so that the test is told."""
    if is_unresolved(workflow.wire):
        raise Refusal(400, workflow.wire["reasonForIncompletion"])
