"""LAMBDA: the older form of INLINE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conductor.testing.engine.records.records import TaskRecord, Wire
from conductor.testing.engine.tasks.kind import EngineTask, Run
from conductor.testing.engine.tasks.outcome import FAILED, Outcome, end_with
from conductor.testing.scripts import ScriptError, Scripts, TimeLimitError, javascript_engine


class Lambda(EngineTask):
    """The value that the body of a function, ``scriptExpression``, returns is the output's ``result``."""

    def problems(self, step: Wire, where: str) -> list[str]:  # noqa: ARG002 - of the protocol
        javascript_engine()
        return []

    def execute(self, run: Run, task: TaskRecord) -> bool:
        return end_with(task, _outcome(task.input, run.making.scripts))


def _outcome(given: Mapping[str, Any], scripts: Scripts) -> Outcome:
    body = given.get("scriptExpression")
    if not isinstance(body, str) or not body.strip():
        needed = "A non-empty String value must be provided."
        return Outcome(FAILED, {}, f"Empty 'scriptExpression' in Lambda task's input parameters. {needed}")
    try:
        answer = scripts.evaluate(f"function scriptFun(){{{body}}} scriptFun();", given)
        return Outcome("COMPLETED", {"result": answer.value})
    except (ScriptError, TimeLimitError) as error:
        return Outcome(FAILED, {"error": str(error)}, str(error))
