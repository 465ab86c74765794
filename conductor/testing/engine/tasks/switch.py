"""SWITCH: takes one of several branches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conductor.testing.engine.records.records import TaskRecord, Wire
from conductor.testing.engine.tasks.branches import begin_branch
from conductor.testing.engine.tasks.kind import EngineTask, Making, Run
from conductor.testing.engine.tasks.outcome import complete, fail
from conductor.testing.engine.tasks.script_steps import LANGUAGES, VALUE_PARAM, script_problems
from conductor.testing.expressions import as_text
from conductor.testing.scripts import ScriptError, Scripts, TimeLimitError


class Switch(EngineTask):
    """By the value of an input, or of a script. An unknown case takes the defaultCase."""

    def problems(self, step: Wire, where: str) -> list[str]:
        problems = []
        language = step.get("evaluatorType")
        if "evaluatorType" not in step:
            problems.append(f"evaluatorType field is required for {where}")
        elif "expression" not in step:
            problems.append(f"expression field is required for {where}")
        elif language not in (VALUE_PARAM, *LANGUAGES):
            problems.append(
                f"the embedded server supports the evaluatorTypes value-param, javascript and graaljs, not"
                f" {language}, for {where}"
            )
        if not step["decisionCases"]:
            problems.append(f"decisionCases should have atleast one task for {where}")
        if language in LANGUAGES and "expression" in step:
            problems += script_problems(step["expression"], step, checks_syntax=language == "javascript")
        return problems

    def make(self, making: Making, step: Wire, retry_count: int) -> list[TaskRecord]:
        """The switch, and the first task of the branch that it takes. If its script fails: a failed switch alone."""
        task = making.new(step, retry_count, "IN_PROGRESS")
        given = making.filled(step["inputParameters"], task.task_id)
        task.wire.update(taskDefName="SWITCH", inputData=given)
        try:
            case = _case(step, given, making.scripts)
        except (ScriptError, TimeLimitError) as error:
            fail(task, str(error))
            return [task]
        task.wire["inputData"] = {**given, "case": case}
        task.wire["outputData"] = {"evaluationResult": [case], "selectedCase": case}
        return [task, *begin_branch(making, task, step["decisionCases"].get(case, step["defaultCase"]))]

    def execute(self, run: Run, task: TaskRecord) -> bool:  # noqa: ARG002 - of the protocol
        return complete(task)


def _case(step: Wire, given: Mapping[str, Any], scripts: Scripts) -> str:
    """ScriptError or TimeLimitError: the script has no value."""
    expression = step["expression"]
    if step["evaluatorType"] in LANGUAGES:
        return as_text(scripts.evaluate(expression, given).value)
    return as_text(given.get(expression))
