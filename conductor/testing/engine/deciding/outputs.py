"""The output of a workflow."""

from __future__ import annotations

from conductor.testing.engine.records.document import document_of
from conductor.testing.engine.records.records import Wire, WorkflowRecord
from conductor.testing.expressions import fill


def output_of(workflow: WorkflowRecord) -> Wire:
    """By outputParameters, or else the output of the last task. That of a TERMINATE comes before both."""
    if not workflow.tasks:
        return workflow.output
    for task in workflow.tasks:
        if task.wire["taskType"] == "TERMINATE" and task.status == "COMPLETED":
            return task.output
    parameters = workflow.blueprint.definition["outputParameters"]
    filled: Wire = fill(parameters, document_of(workflow)) if parameters else workflow.tasks[-1].output
    return filled
