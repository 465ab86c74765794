"""DECISION: the older form of SWITCH."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conductor.testing.engine.records.records import TaskRecord, Wire
from conductor.testing.engine.records.refusals import Termination
from conductor.testing.engine.tasks.branches import begin_branch
from conductor.testing.engine.tasks.kind import EngineTask, Making, Run
from conductor.testing.engine.tasks.outcome import complete
from conductor.testing.engine.tasks.script_steps import script_problems
from conductor.testing.expressions import as_text
from conductor.testing.scripts import ScriptError, Scripts, TimeLimitError


class Decision(EngineTask):
    """By the value of an input, or of a script. A case without tasks is no case, other than for a SWITCH."""

    def problems(self, step: Wire, where: str) -> list[str]:
        problems = []
        if "caseValueParam" not in step and "caseExpression" not in step:
            problems.append(f"caseValueParam or caseExpression field is required for {where}")
        if not step["decisionCases"]:
            problems.append(f"decisionCases should have atleast one task for {where}")
        if "caseExpression" in step:
            problems += script_problems(step["caseExpression"], step)
        return problems

    def make(self, making: Making, step: Wire, retry_count: int) -> list[TaskRecord]:
        """The decision, and the first task of its branch."""
        task = making.new(step, retry_count, "IN_PROGRESS")
        given = making.filled(step["inputParameters"], task.task_id)
        try:
            case = _case(step, given, making.scripts)
        except (ScriptError, TimeLimitError):
            raise Termination(f"Error while evaluating script: {step['caseExpression']}") from None
        task.wire.update(taskDefName="DECISION", inputData={"case": case}, outputData={"caseOutput": [case]})
        return [task, *begin_branch(making, task, step["decisionCases"].get(case) or step["defaultCase"])]

    def execute(self, run: Run, task: TaskRecord) -> bool:  # noqa: ARG002 - of the protocol
        return complete(task)


def _case(step: Wire, given: Mapping[str, Any], scripts: Scripts) -> str:
    """ScriptError or TimeLimitError: the script has no value."""
    script = step.get("caseExpression")
    if isinstance(script, str) and script.strip():
        return as_text(scripts.evaluate(script, given).value)
    return as_text(given.get(step.get("caseValueParam", "")))
