"""INLINE: evaluates a script. The statuses and the reasons are those of the server (3.32.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conductor.testing.engine.records.records import TaskRecord, Wire
from conductor.testing.engine.tasks.kind import EngineTask, Run
from conductor.testing.engine.tasks.outcome import FAILED, FAILED_FOR_GOOD, Outcome, end_with
from conductor.testing.engine.tasks.script_steps import LANGUAGES, VALUE_PARAM
from conductor.testing.scripts import ScriptError, Scripts, TimeLimitError, javascript_engine


class Inline(EngineTask):
    """The value of ``expression`` is the output's ``result``."""

    def problems(self, step: Wire, where: str) -> list[str]:
        javascript_engine()
        if step["inputParameters"].get("evaluatorType") == "python":
            return [f"the embedded server does not run Python, for {where}"]
        return []

    def execute(self, run: Run, task: TaskRecord) -> bool:
        return end_with(task, _outcome(task.input, run.making.scripts))


def _outcome(given: Mapping[str, Any], scripts: Scripts) -> Outcome:
    """An error is final, because another try has it too."""
    language, expression = given.get("evaluatorType"), given.get("expression")
    if language is None:
        language = "javascript"
    try:
        _check(language, expression)
        if language == VALUE_PARAM:
            return Outcome("COMPLETED", {"result": given.get(str(expression))})
        return Outcome("COMPLETED", {"result": scripts.evaluate(str(expression), given).value})
    except ScriptError as error:
        return Outcome(FAILED_FOR_GOOD, {"error": str(error)}, str(error))
    except TimeLimitError as error:
        return Outcome(FAILED, {"error": str(error)}, str(error))


def _check(language: Any, expression: Any) -> None:
    needed = "A non-empty String value must be provided."
    if not str(language).strip():
        raise ScriptError(f"Empty 'evaluatorType' in INLINE task's input parameters. {needed}")
    if language not in (VALUE_PARAM, *LANGUAGES):
        raise ScriptError(f"Unknown evaluator '{language}' in INLINE task.")
    if not isinstance(expression, str) or not expression.strip():
        raise ScriptError(f"Empty 'expression' in Inline task's input parameters. {needed}")
