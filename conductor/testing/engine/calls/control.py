"""Calls of an operator under ``/workflow``: pause, resume, decide, terminate, skip and remove."""

from __future__ import annotations

from conductor.testing.engine.effects.lives import Lives
from conductor.testing.engine.effects.mover import Mover
from conductor.testing.engine.records.records import TaskRecord, Wire, WorkflowRecord, new_task
from conductor.testing.engine.records.refusals import Refusal
from conductor.testing.engine.state.state import State
from conductor.testing.engine.tasks.registry import Kinds


class Control:
    """Changes the course of workflows."""

    def __init__(self, state: State, kinds: Kinds, lives: Lives, mover: Mover) -> None:
        self._state = state
        self._kinds = kinds
        self._lives = lives
        self._mover = mover

    def pause(self, workflow_id: str) -> None:
        """Schedule no more tasks until ``resume``. Refusal 404; 409 if it has ended."""
        with self._state.transaction():
            workflow = self._state.workflow(workflow_id)
            if workflow.ended:
                raise Refusal(409, f"Workflow {workflow.short_name} has ended, status cannot be updated.")
            if workflow.wire["status"] != "PAUSED":
                workflow.wire["status"] = "PAUSED"
                self._state.save_workflow(workflow)

    def resume(self, workflow_id: str) -> None:
        """Schedule tasks again. Refusal 404; 500 if it is not paused."""
        with self._state.transaction():
            workflow = self._state.workflow(workflow_id)
            status = workflow.wire["status"]
            if status != "PAUSED":
                text = f"The workflow {workflow_id} is not PAUSED so cannot resume. Current status is {status}"
                raise Refusal(500, text)
            workflow.wire.update(status="RUNNING", lastRetriedTime=self._state.now_ms)
            self._state.save_workflow(workflow)
            self._mover.decide(workflow)

    def decide(self, workflow_id: str) -> None:
        """Look at the workflow now. Refusal 404."""
        with self._state.transaction():
            self._mover.decide(self._state.workflow(workflow_id))

    def terminate(self, workflow_id: str, reason: str | None = None) -> None:
        """End the workflow. If it was terminated before, nothing changes. Refusal 404; 409 if it is completed."""
        with self._state.transaction():
            workflow = self._state.workflow(workflow_id)
            if workflow.wire["status"] == "COMPLETED":
                raise Refusal(409, "Cannot terminate a COMPLETED workflow.")
            if workflow.wire["status"] != "TERMINATED":
                self._lives.cancel(workflow, reason)
                self._mover.decide(workflow)

    def skip_task(self, workflow_id: str, ref_name: str, request: Wire | None = None) -> None:
        """Skip a task that has not begun, with the input and output of a SkipTaskRequest. Refusal 404, 500."""
        with self._state.transaction():
            workflow = self._state.workflow(workflow_id)
            workflow_task = workflow.blueprint.by_ref.get(ref_name)
            if workflow.wire["status"] != "RUNNING":
                text = (
                    f"The workflow {workflow_id} is not running so the task referenced by {ref_name} cannot be skipped"
                )
                raise Refusal(500, text)
            if workflow_task is None:
                name = workflow.wire["workflowName"]
                text = f"The task referenced by {ref_name} does not exist in the WorkflowDefinition {name}"
                raise Refusal(500, text)
            if workflow.latest(ref_name) is not None:
                raise Refusal(500, f"The task referenced {ref_name} has already been processed, cannot be skipped")
            self._add_skipped(workflow, workflow_task, request or {})
            self._mover.decide(workflow)

    def _add_skipped(self, workflow: WorkflowRecord, workflow_task: Wire, request: Wire) -> None:
        task: TaskRecord = new_task(workflow, workflow_task, self._state.now_ms)
        task.wire.update(taskType=workflow_task["name"], status="SKIPPED", endTime=self._state.now_ms)
        task.wire["inputData"] = request.get("taskInput") or {}
        task.wire["outputData"] = request.get("taskOutput") or {}
        del task.wire["workflowType"]  # the server leaves seq out here, so the task has 0 and comes first
        self._state.add_task(workflow, task)
        workflow.tasks.insert(0, workflow.tasks.pop())
        self._state.save_workflow(workflow)

    def reset_callbacks(self, workflow_id: str) -> None:
        """Let waiting tasks of workers be polled at once. Refusal 404; 409 if the workflow has ended."""
        with self._state.transaction():
            workflow = self._state.workflow(workflow_id)
            if workflow.ended:
                raise Refusal(409, f"Workflow is in terminal state. Status = {workflow.wire['status']}")
            for task in workflow.tasks:
                waits = task.status == "SCHEDULED" and task.wire["callbackAfterSeconds"] > 0
                if waits and self._kinds.is_for_workers(task):
                    task.wire["callbackAfterSeconds"] = 0
                    self._state.queues.put(task, 0)
                    self._state.save_task(task)

    def remove(self, workflow_id: str) -> None:
        """Remove the workflow, its tasks and their logs, open or ended. Refusal 404."""
        with self._state.transaction():
            self._state.remove_workflow(self._state.workflow(workflow_id))
