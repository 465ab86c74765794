"""The check of ``DevServer(strict_inputs=True)``: each expression in the input of a task has a value."""

from __future__ import annotations

from conductor.testing.engine.records.document import document_of
from conductor.testing.engine.records.records import Wire, WorkflowRecord
from conductor.testing.engine.records.refusals import Refusal, Termination
from conductor.testing.expressions import unresolved_in

BEGIN = "strict_inputs: "
"""The begin of the reason of a workflow that has failed by this check. A parent's reason contains that of its child."""

ITEMS = "_items"
"""The input of a DO_WHILE that gives its list, if the step has no member ``items``."""
_BESIDE = ("items", "sink")
"""The members of steps that may hold expressions, beside the parameters."""


def check_inputs(workflow: WorkflowRecord, step: Wire) -> None:
    """Termination: an expression has no value. A default of the task definition counts as one.

    Of a DO_WHILE only its list is checked, because its input may name tasks inside of the loop, which do not exist yet.
    """
    defaults = (step.get("taskDefinition") or {}).get("inputTemplate") or {}
    parameters = {name: value for name, value in step["inputParameters"].items() if defaults.get(name) is None}
    if step["type"] == "DO_WHILE":
        parameters = {name: value for name, value in parameters.items() if name == ITEMS}
    parameters.update({name: step[name] for name in _BESIDE if name in step})
    if step["type"] == "SUB_WORKFLOW":
        given = dict(step["subWorkflowParam"])
        if isinstance(given.get("workflowDefinition"), dict):  # its expressions are those of the sub-workflow
            del given["workflowDefinition"]
        parameters["subWorkflowParam"] = given
    found = list(unresolved_in(parameters, document_of(workflow)))
    if found:
        raise Termination(f"{BEGIN}task {step['taskReferenceName']}, parameter {'; parameter '.join(found)}")


def is_unresolved(workflow_wire: Wire) -> bool:
    """Whether the workflow, or a child of it, has failed by the check."""
    return workflow_wire["status"] == "FAILED" and BEGIN in workflow_wire.get("reasonForIncompletion", "")


def refuse_unresolved(workflow: WorkflowRecord) -> None:
    """Refuse the call that has started a workflow which has failed by the check, so that the test gets the reason."""
    if is_unresolved(workflow.wire):
        raise Refusal(400, workflow.wire["reasonForIncompletion"])
