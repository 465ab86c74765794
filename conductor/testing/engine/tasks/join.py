"""JOIN: waits for other tasks."""

from __future__ import annotations

from typing import Any

from conductor.testing.engine.records.records import UNSUCCESSFUL, TaskRecord, Wire
from conductor.testing.engine.tasks.kind import EngineTask, Making, Run
from conductor.testing.engine.tasks.outcome import complete


class Join(EngineTask):
    """It ends when all its members have ended, or at once when a member has failed for good."""

    def make(self, making: Making, step: Wire, retry_count: int) -> list[TaskRecord]:
        task = making.new(step, retry_count, "IN_PROGRESS")
        task.wire.update(taskDefName="JOIN", inputData={"joinOn": list(step["joinOn"])})
        return [task]

    def execute(self, run: Run, task: TaskRecord) -> bool:
        """Collect the outputs of the members."""
        refs = members_of(task)
        found = {ref: run.workflow.latest(ref) for ref in refs}
        members = {ref: member for ref, member in found.items() if member is not None}
        if any(member.status == "SKIPPED" for member in members.values()):
            return False  # the server cannot read the step of a task that an operator has skipped (3.32.3)
        all_ended = len(members) == len(refs) and all(member.ended for member in members.values())
        output: dict[str, Any] = dict(task.output)  # what a member had before stays
        for ref, member in members.items():
            if member.output:
                output[ref] = member.output
            tolerated = member.workflow_task["optional"] or (member.workflow_task["permissive"] and not all_ended)
            if member.status in UNSUCCESSFUL and not tolerated:
                _fail(task, list(members.values()))
                task.wire["outputData"] = output
                return True
        if not all_ended:
            if output == task.output:
                return False
            task.wire["outputData"] = output
            return True
        task.wire["outputData"] = output
        flawed = [m for m in members.values() if m.status == "COMPLETED_WITH_ERRORS" and m.workflow_task["optional"]]
        if not flawed:
            return complete(task)
        names = " ".join(f"{member.wire['taskDefName']}/{member.task_id}" for member in flawed)
        task.set_reason(f"{names} completed with errors")
        task.wire["status"] = "COMPLETED_WITH_ERRORS"
        return True


def members_of(join: TaskRecord) -> list[str]:
    """The reference names for which a join waits, those of its own iteration if it is in a loop."""
    suffix = f"__{join.wire['iteration']}" if join.wire["iteration"] else ""
    return [ref + suffix for ref in join.wire["inputData"]["joinOn"]]


def _fail(join: TaskRecord, members: list[TaskRecord]) -> None:
    failed = [member for member in members if member.status in UNSUCCESSFUL]
    reasons = [member.wire.get("reasonForIncompletion") for member in failed]
    join.set_reason(" ".join(reason for reason in reasons if reason))
    canceled = all(member.status == "CANCELED" for member in failed if not member.workflow_task["optional"])
    join.wire["status"] = "CANCELED" if canceled else "FAILED"
