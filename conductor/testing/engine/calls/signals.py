"""Calls that wait until a workflow has ended or is blocked: signals, and starting with an answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from conductor.testing.engine.calls.tasks import Tasks
from conductor.testing.engine.calls.workflows import Workflows
from conductor.testing.engine.records.records import TaskRecord, Wire, WorkflowRecord, new_id
from conductor.testing.engine.records.refusals import Refusal
from conductor.testing.engine.records.rendering import render_task
from conductor.testing.engine.state.state import State
from conductor.testing.engine.tasks.strict_inputs import refuse_unresolved

_TASK_STRATEGIES = {"BLOCKING_TASK", "BLOCKING_TASK_INPUT"}
_SAME_IN_TASK_RUN = (
    *("taskType", "taskId", "referenceTaskName", "retryCount", "taskDefName", "retriedTaskId", "workflowType"),
    *("reasonForIncompletion", "correlationId", "status", "updateTime"),
)
_SAME_IN_WORKFLOW_RUN = (
    *("workflowId", "correlationId", "input", "output", "priority", "variables", "createTime", "status", "updateTime"),
)


class Signals:
    """The answers are SignalResponses."""

    def __init__(self, state: State, tasks: Tasks, workflows: Workflows, *, strict_inputs: bool) -> None:
        self._state = state
        self._tasks = tasks
        self._workflows = workflows
        self._strict_inputs = strict_inputs

    def signal(self, workflow_id: str, status: str, output: Wire | None) -> None:
        """Update the first open WAIT task of a workflow or of its running children. Refusal 404."""
        with self._state.transaction():
            self._signal(workflow_id, status, output)

    def _signal(self, workflow_id: str, status: str, output: Wire | None) -> bool:
        blocked = self._blocked(self._state.workflow(workflow_id), lambda _: True)
        if blocked is not None:
            self._tasks.update_pending(blocked[1], status, output, None)
        return blocked is not None

    def signal_sync(
        self, workflow_id: str, status: str, output: Wire | None, return_strategy: str, timeout_ms: int
    ) -> Wire:
        """Signal, then wait in real time until the workflow has ended or is blocked again. Refusal 404, 500."""
        with self._state.transaction():
            if not self._signal(workflow_id, status, output):
                raise Refusal(404, f"Found no blocked task in workflow {workflow_id} to signal")
        return self._settled(workflow_id, return_strategy, timeout_ms / 1000)

    def execute(
        self,
        name: str,
        version: int | None,
        request: Wire,
        wait_seconds: float,
        until_refs: Collection[str] = (),
        *,
        return_strategy: str = "TARGET_WORKFLOW",
    ) -> Wire:
        """Start a workflow, then wait in real time until it has ended or is blocked. Refusal as for starting.

        until_refs: an ended task with such a reference name counts as blocked, too.
        """
        workflow_id = self._workflows.start({**request, "name": name, "version": version or None})
        answer = self._settled(workflow_id, return_strategy, wait_seconds or 10, until_refs)
        if self._strict_inputs:
            with self._state.transaction():
                refuse_unresolved(self._state.workflow(workflow_id))
        return answer

    def _settled(
        self, workflow_id: str, return_strategy: str, wait_seconds: float, until_refs: Collection[str] = ()
    ) -> Wire:
        deadline = time.monotonic() + wait_seconds
        with self._state.lock:
            while True:
                remaining = deadline - time.monotonic()
                with self._state.transaction():
                    workflow = self._state.workflow(workflow_id)
                    blocked = self._blocked(workflow, lambda task: not task.wait_until)
                    blocked = blocked or self._reached(workflow, until_refs)
                    if workflow.ended or blocked or remaining <= 0:
                        timed_out = not (workflow.ended or blocked)
                        return self._response(workflow, blocked, return_strategy, timed_out=timed_out)
                self._state.changed.wait(remaining)

    def _blocked(
        self, workflow: WorkflowRecord, counts: Callable[[TaskRecord], bool]
    ) -> tuple[WorkflowRecord, TaskRecord] | None:
        """The first open WAIT task in the workflow, or else in its running children."""
        open_tasks = [task for task in workflow.tasks if not task.ended]
        for task in open_tasks:
            if task.wire["taskType"] == "WAIT" and counts(task):
                return workflow, task
        for task in open_tasks:
            child = self._state.workflows.get(task.wire.get("subWorkflowId", ""))
            found = self._blocked(child, counts) if child is not None else None
            if found is not None:
                return found
        return None

    def _reached(
        self, workflow: WorkflowRecord, until_refs: Collection[str]
    ) -> tuple[WorkflowRecord, TaskRecord] | None:
        """The first ended task with such a name, in the workflow or in its running children."""
        for task in workflow.tasks:
            if task.ended and task.ref in until_refs:
                return workflow, task
            child = None if task.ended else self._state.workflows.get(task.wire.get("subWorkflowId", ""))
            found = self._reached(child, until_refs) if child is not None else None
            if found is not None:
                return found
        return None

    def _response(
        self,
        target: WorkflowRecord,
        blocked: tuple[WorkflowRecord, TaskRecord] | None,
        return_strategy: str,
        *,
        timed_out: bool,
    ) -> Wire:
        if return_strategy in _TASK_STRATEGIES and blocked is None:
            raise Refusal(500, "value")  # the text of the server if there is nothing to answer
        response: Wire = {
            "responseType": return_strategy,
            "targetWorkflowId": target.workflow_id,
            "targetWorkflowStatus": target.wire["status"],
            "requestId": new_id(),
            "signalTimeout": timed_out,
        }
        if blocked is not None and return_strategy in _TASK_STRATEGIES:
            return {**response, **_task_run(blocked[1])}
        shown = blocked[0] if blocked is not None and return_strategy == "BLOCKING_WORKFLOW" else target
        response.update({member: shown.wire[member] for member in _SAME_IN_WORKFLOW_RUN if member in shown.wire})
        response["tasks"] = [render_task(task, self._state.now_ms) for task in shown.tasks]
        return response


def _task_run(task: TaskRecord) -> Wire:
    wire = task.wire
    found = {member: wire[member] for member in _SAME_IN_TASK_RUN if member in wire}
    found.update(workflowId=wire["workflowInstanceId"], input=wire["inputData"], output=wire["outputData"])
    found.update(priority=wire["workflowPriority"], createTime=wire["startTime"])
    if "workerId" in wire:
        found["createdBy"] = wire["workerId"]
    return found
