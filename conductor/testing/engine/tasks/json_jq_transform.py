"""JSON_JQ_TRANSFORM: makes values of its input by a query of JQ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conductor.testing.engine.records.records import TaskRecord, Wire
from conductor.testing.engine.tasks.kind import EngineTask, Run, has_input
from conductor.testing.engine.tasks.outcome import FAILED, Outcome, end_with
from conductor.testing.scripts import ScriptError, Scripts, TimeLimitError, jq_engine


class JsonJqTransform(EngineTask):
    """The values that ``queryExpression`` makes of the input: ``result`` is the first, ``resultList`` are all."""

    def problems(self, step: Wire, where: str) -> list[str]:
        jq_engine()
        if has_input(step, "queryExpression"):
            return []
        return [f"inputParameters.queryExpression field is required for {where}"]

    def execute(self, run: Run, task: TaskRecord) -> bool:
        return end_with(task, _outcome(task.input, run.making.scripts))


def _outcome(given: Mapping[str, Any], scripts: Scripts) -> Outcome:
    query = given.get("queryExpression")
    if not isinstance(query, str):
        return Outcome(FAILED, {}, "Missing 'queryExpression' in input parameters")
    try:
        found = scripts.transform(query, given)
    except (ScriptError, TimeLimitError) as error:
        return Outcome(FAILED, {"error": str(error)}, str(error))
    return Outcome("COMPLETED", {"result": found[0] if found else None, "resultList": found})
