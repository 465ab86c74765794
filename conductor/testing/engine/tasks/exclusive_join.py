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
        refs = members_of(task)
        member, is_default = _first(run.workflow, refs), False
        if member is None or not member.ended:
            default = _first(run.workflow, task.wire["inputData"].get("defaultExclusiveJoinTask") or [])
            member, is_default = default or member, default is not None
        if member is None or not member.ended:
            return False
        if member.status not in UNSUCCESSFUL:
            return end_with(task, Outcome("COMPLETED", member.output))
        if is_default:
            return fail(task, f"{_reason(member)} ")
        members = [found for ref in refs if (found := run.workflow.latest(ref)) is not None]
        if member.workflow_task["permissive"] and not all(each.ended for each in members):
            return end_with(task, Outcome("COMPLETED", member.output))
        return fail(task, " ".join(_reason(each) for each in members if each.status in UNSUCCESSFUL))


def _reason(task: TaskRecord) -> str:
    return str(task.wire.get("reasonForIncompletion", "null"))


def _first(workflow: WorkflowRecord, refs: list[str]) -> TaskRecord | None:
    found = (workflow.latest(ref) for ref in refs)
    return next((task for task in found if task is not None and task.status != "SKIPPED"), None)
