"""Runs of workflows whose tasks are mocks: ``POST /workflow/test``."""

from __future__ import annotations

from conductor.testing.engine.calls.tasks import Tasks
from conductor.testing.engine.calls.workflows import Workflows
from conductor.testing.engine.effects.mover import Mover
from conductor.testing.engine.records.records import TaskRecord, Wire, new_id
from conductor.testing.engine.records.refusals import Refusal
from conductor.testing.engine.state.state import State

MOST_ROUNDS = 20_000

_ENDED_BY_THE_ENGINE = frozenset(
    {
        *("JOIN", "DO_WHILE", "SET_VARIABLE", "FORK", "FORK_JOIN", "FORK_JOIN_DYNAMIC", "INLINE", "TERMINATE"),
        *("DECISION", "SWITCH", "DYNAMIC", "SUB_WORKFLOW"),
    }
)

Mocks = dict[str, list[Wire]]
"""TaskMocks by reference name. Each is for one try of the task."""


class MockedRuns:
    """No worker gets a task of such a workflow: the tasks are in a domain of their own."""

    def __init__(self, state: State, mover: Mover, workflows: Workflows, tasks: Tasks) -> None:
        self._state = state
        self._mover = mover
        self._workflows = workflows
        self._tasks = tasks

    def run(self, request: Wire) -> Wire:
        """Start a workflow by a WorkflowTestRequest, and end its tasks as the mocks say, until it has ended or a task
        has no mock. Returns the workflow. Refusal as for starting.
        """
        domains = {**(request.get("taskToDomain") or {}), "*": new_id()}
        workflow_id = self._workflows.start({**request, "taskToDomain": domains})
        self._go_on(request, workflow_id)
        return self._workflows.get(workflow_id)

    def _go_on(self, request: Wire, workflow_id: str) -> None:
        mocks: Mocks = {ref: list(each) for ref, each in (request.get("taskRefToMockOutput") or {}).items()}
        for _ in range(MOST_ROUNDS):
            with self._state.transaction():
                workflow = self._state.workflow(workflow_id)
                open_tasks = [task for task in workflow.tasks if not task.ended]
                if any(not self._is_known(task, mocks) for task in open_tasks):
                    return
                has_moved = [self._move(request, task, mocks) for task in open_tasks if not task.ended]
                if workflow.ended or not any(has_moved):
                    return

    def _is_known(self, task: TaskRecord, mocks: Mocks) -> bool:
        return task.wire["taskType"] in _ENDED_BY_THE_ENGINE or task.ref in mocks

    def _move(self, request: Wire, task: TaskRecord, mocks: Mocks) -> bool:
        """End the task with its next mock. Returns whether anything has changed."""
        child_id = task.wire.get("subWorkflowId")
        of_child = (request.get("subWorkflowTestRequest") or {}).get(task.ref)
        if child_id is not None and of_child is not None:
            self._go_on(of_child, child_id)
            return task.ended
        if not mocks.get(task.ref):
            mocks.pop(task.ref, None)
            return False
        if task.wire["taskType"] in _ENDED_BY_THE_ENGINE:
            return False
        self._end(task, mocks[task.ref].pop(0))
        return True

    def _end(self, task: TaskRecord, mock: Wire) -> None:
        status, output = mock.get("status", "COMPLETED"), mock.get("output")
        if output is None:
            raise Refusal(500, 'Cannot invoke "java.util.Map.size()" because "m" is null')
        ran, waited = mock.get("executionTime", 0), mock.get("queueWaitTime", 0)
        if ran <= 0 and waited <= 0:
            self._tasks.update_pending(task, status, output, None)
            return
        now = self._state.now_ms
        task.wire.update(scheduledTime=now - ran - waited, startTime=now - ran, status=status)
        task.wire["outputData"] = {**task.output, **output}
        self._state.save_task(task)
        self._mover.decide(self._state.workflow(task.wire["workflowInstanceId"]))
