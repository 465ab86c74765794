"""One step of a workflow: decide, make the changes, and execute the tasks of the engine."""

from __future__ import annotations

from conductor.testing.engine.deciding.decider import Decision, decide
from conductor.testing.engine.effects.run import Effects, WorkflowRun
from conductor.testing.engine.records.records import BEFORE_OTHERS, JOINS, TaskRecord, WorkflowRecord
from conductor.testing.engine.records.refusals import Termination


class Steps:
    """Makes steps. It does not know how many are made, and when."""

    def __init__(self, effects: Effects) -> None:
        self._state = effects.state
        self._effects = effects

    def make(self, workflow: WorkflowRecord) -> bool:
        """Look at a workflow once, and do what follows. Returns whether another look is needed."""
        decision = decide(self._effects.scheduling.making(workflow))
        goes_on = False
        try:
            goes_on = self._apply(workflow, decision)
        except Termination as termination:
            self._effects.lives.terminate(workflow, termination)
        if not workflow.ended:
            return goes_on
        for change in decision.changes:
            if workflow.wire["status"] == "COMPLETED" or change.task is not decision.terminated_by:
                change.take_back()
        return False

    def _apply(self, workflow: WorkflowRecord, decision: Decision) -> bool:
        """Make the changes. Returns whether the tasks that were scheduled or executed ask for another look."""
        for change in decision.changes:
            change.apply()
            self._state.save_task(change.task)
        if decision.termination is not None:
            raise decision.termination
        if decision.is_complete:
            self._effects.lives.complete(workflow, decision.terminated_by)
            return False
        new = self._effects.scheduling.schedule(workflow, decision.scheduled.values())
        changed = False
        if decision.scheduled:
            changed = self._execute(workflow, new, list(decision.scheduled.values()))
        if new or changed:
            self._state.save_workflow(workflow)
        # Without an open task nothing else would make it look again. The server's sweeper does.
        return changed or (bool(decision.changes) and all(task.ended for task in workflow.tasks))

    def _execute(self, workflow: WorkflowRecord, new: list[TaskRecord], tasks: list[TaskRecord]) -> bool:
        """Do the work of the engine's own tasks. Returns whether something has changed that a JOIN may depend on."""
        making = self._effects.scheduling.making(workflow)
        run = WorkflowRun(workflow, making, self._effects)
        changed = any(task.ended or not making.kinds.is_for_workers(task) for task in new)
        for task in sorted(tasks, key=_turn):
            if changed and task.wire["taskType"] in JOINS:
                break  # a task that has failed beside it may end the workflow first
            kind = making.kinds.of_task(task)
            if not (kind.for_workers or task.ended) and kind.execute(run, task):
                self._state.save_task(task)
                changed = True
        return changed


def _turn(task: TaskRecord) -> int:
    """When the work of a task is done, beside that of others: a lower number goes first."""
    return (task.wire["taskType"] in JOINS) - (task.wire["taskType"] in BEFORE_OTHERS)
