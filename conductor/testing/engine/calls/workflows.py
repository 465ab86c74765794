"""Calls under ``/workflow`` that programs make: start and read."""

from __future__ import annotations

from conductor.testing.engine.effects.lives import Lives
from conductor.testing.engine.effects.mover import Mover
from conductor.testing.engine.records.records import Wire
from conductor.testing.engine.records.refusals import problem, refuse
from conductor.testing.engine.records.rendering import render_workflow
from conductor.testing.engine.records.sizes import check_depth
from conductor.testing.engine.state.state import State
from conductor.testing.engine.tasks.strict_inputs import refuse_unresolved

MOST_PRIORITY = 99


class Workflows:
    """Starts and reads workflows.

    strict_inputs: a workflow that has failed at once because an expression has no value is refused.
    """

    def __init__(self, state: State, lives: Lives, mover: Mover, *, strict_inputs: bool) -> None:
        self._state = state
        self._lives = lives
        self._mover = mover
        self._strict_inputs = strict_inputs

    def start(self, request: Wire) -> str:
        """Start a workflow by a StartWorkflowRequest, with its workflowDef or a registered one. Returns the id.

        Refusal 400, 404.
        """
        with self._state.transaction():
            _check(request)
            workflow = self._lives.start(request)
            self._mover.decide(workflow)
            if self._strict_inputs:
                refuse_unresolved(workflow)
            return workflow.workflow_id

    def get(self, workflow_id: str, include_tasks: bool = True) -> Wire:
        """The workflow. Refusal 404."""
        with self._state.transaction():
            return render_workflow(self._state.workflow(workflow_id), self._state.now_ms, include_tasks=include_tasks)

    def status(self, workflow_id: str, include_output: bool = False, include_variables: bool = False) -> Wire:
        """The summary of the workflow. Refusal 404."""
        with self._state.transaction():
            wire = self._state.workflow(workflow_id).wire
            extra = {"output": include_output, "variables": include_variables}
            members = ["workflowId", "correlationId", *(member for member, wanted in extra.items() if wanted), "status"]
            return {member: wire[member] for member in members if member in wire}


def _check(request: Wire) -> None:
    """Refuse a wrong request. Refusal 400, 500."""
    name, priority = request.get("name"), request.get("priority") or 0
    if name is None:
        refuse([problem("startWorkflow.arg0.name", "Workflow name cannot be null or empty")])
    if not 0 <= priority <= MOST_PRIORITY:
        limit = f"maximum {MOST_PRIORITY}" if priority > 0 else "minimum 0"
        refuse([problem("startWorkflow.arg0.priority", f"priority: {priority} should be {limit}", priority)])
    check_depth(request)
