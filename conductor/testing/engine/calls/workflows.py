"""Calls under ``/workflow`` that programs make: start and read."""

from __future__ import annotations

from conductor.testing.engine.effects.mover import Mover
from conductor.testing.engine.records.records import Wire, WorkflowRecord
from conductor.testing.engine.records.refusals import Refusal, problem, refuse
from conductor.testing.engine.records.rendering import render_workflow
from conductor.testing.engine.records.sizes import check_depth
from conductor.testing.engine.state.state import State
from conductor.testing.engine.tasks.strict_inputs import refuse_unresolved


class Workflows:
    """Starts and reads workflows."""

    def __init__(self, state: State, mover: Mover) -> None:
        self._state = state
        self._mover = mover

    def start(self, request: Wire) -> str:
        """Start a workflow by a StartWorkflowRequest, with its workflowDef or a registered one. Returns the id. Refusal
        400, 404.
        """
        with self._state.transaction():
            workflow = self._start(request)
            return workflow.workflow_id

    def _start(self, request: Wire) -> WorkflowRecord:
        name, priority = request.get("name"), request.get("priority") or 0
        if name is None:
            refuse([problem("startWorkflow.arg0.name", "Workflow name cannot be null or empty")])
        if priority > 99:
            text = f"priority: {priority} should be maximum 99"
            refuse([problem("startWorkflow.arg0.priority", text, priority)])
        if priority < 0:
            text = f"priority: {priority} should be minimum 0"
            refuse([problem("startWorkflow.arg0.priority", text, priority)])
        if not name:
            raise Refusal(400, "Workflow name must be specified when searching for a definition")
        check_depth(request)
        workflow = self._mover.lives.start(request)
        self._mover.decide(workflow)
        if self._mover.definitions.strict_inputs:
            refuse_unresolved(workflow)
        return workflow

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
