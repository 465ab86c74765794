"""EXCLUSIVE_JOIN: takes the output of one of several tasks."""

from __future__ import annotations

from conductor.testing.engine.records.records import UNSUCCESSFUL, TaskRecord, Wire, WorkflowRecord
from conductor.testing.engine.tasks.join import Join, members_of
from conductor.testing.engine.tasks.kind import Making, Run
from conductor.testing.engine.tasks.outcome import Outcome, end_with, fail


class ExclusiveJoin(Join):
    """It ends with the first member that was scheduled, or else with the first of the default ones."""

    def make(self, making: Making, step: Wire, retry_count: int) -> list[TaskRecord]:
        (task,) = super().make(making, step, retry_count)
        task.wire["taskDefName"] = "EXCLUSIVE_JOIN"
        if "defaultExclusiveJoinTask" in step:
            task.wire["inputData"]["defaultExclusiveJoinTask"] = step["defaultExclusiveJoinTask"]
        return [task]

    def execute(self, run: Run, task: TaskRecord) -> bool:
        member = _first(run.workflow, members_of(task))
        if member is None or not member.ended:
            defaults = task.wire["inputData"].get("defaultExclusiveJoinTask") or []
            member = _first(run.workflow, defaults) or member
        if member is None or not member.ended:
            return False
        if member.status in UNSUCCESSFUL:
            return fail(task, member.wire.get("reasonForIncompletion") or "")
        return end_with(task, Outcome("COMPLETED", member.output))


def _first(workflow: WorkflowRecord, refs: list[str]) -> TaskRecord | None:
    found = (workflow.latest(ref) for ref in refs)
    return next((task for task in found if task is not None and task.status != "SKIPPED"), None)
