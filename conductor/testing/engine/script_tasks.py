"""The system tasks that evaluate a script: INLINE, LAMBDA, JSON_JQ_TRANSFORM, and the choice of a SWITCH or DECISION.

The statuses and the reasons are those of the server (3.32.3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from conductor.testing.expressions import as_text
from conductor.testing.scripts import ScriptError, TimeLimitError, evaluate, transform

VALUE_PARAM = "value-param"
"""The evaluator whose expression is the name of an input."""
LANGUAGES = ("javascript", "graaljs")
FAILED, FAILED_FOR_GOOD = "FAILED", "FAILED_WITH_TERMINAL_ERROR"


class Outcome(NamedTuple):
    """The end of a task."""

    status: str
    output: dict[str, Any]
    reason: str | None = None


def inline(given: Mapping[str, Any]) -> Outcome:
    """The value of ``expression`` is the output's ``result``. An error is final, because another try has it too."""
    language, expression = given.get("evaluatorType", "javascript"), given.get("expression")
    try:
        _check_inline(language, expression)
        value = given.get(str(expression)) if language == VALUE_PARAM else evaluate(str(expression), given).value
        return Outcome("COMPLETED", {"result": value})
    except ScriptError as error:
        return Outcome(FAILED_FOR_GOOD, {"error": str(error)}, str(error))
    except TimeLimitError as error:
        return Outcome(FAILED, {"error": str(error)}, str(error))


def _check_inline(language: Any, expression: Any) -> None:
    needed = "A non-empty String value must be provided."
    if not str(language or "").strip():
        raise ScriptError(f"Empty 'evaluatorType' in INLINE task's input parameters. {needed}")
    if language not in (VALUE_PARAM, *LANGUAGES):
        raise ScriptError(f"Unknown evaluator '{language}' in INLINE task.")
    if not isinstance(expression, str) or not expression.strip():
        raise ScriptError(f"Empty 'expression' in Inline task's input parameters. {needed}")


def lambda_(given: Mapping[str, Any]) -> Outcome:
    """The value that the body of a function, ``scriptExpression``, returns is the output's ``result``."""
    body = given.get("scriptExpression")
    if not isinstance(body, str) or not body.strip():
        needed = "A non-empty String value must be provided."
        return Outcome(FAILED, {}, f"Empty 'scriptExpression' in Lambda task's input parameters. {needed}")
    try:
        return Outcome("COMPLETED", {"result": evaluate(f"function scriptFun(){{{body}}} scriptFun();", given).value})
    except (ScriptError, TimeLimitError) as error:
        return Outcome(FAILED, {"error": str(error)}, str(error))


def json_jq_transform(given: Mapping[str, Any]) -> Outcome:
    """The values that ``queryExpression`` makes of the input: ``result`` is the first, ``resultList`` are all."""
    query = given.get("queryExpression")
    if not isinstance(query, str):
        return Outcome(FAILED, {}, "Missing 'queryExpression' in input parameters")
    try:
        found = transform(query, given)
    except ScriptError as error:
        return Outcome(FAILED, {"error": str(error)}, str(error))
    return Outcome("COMPLETED", {"result": found[0] if found else None, "resultList": found})


SCRIPTED: Mapping[str, Callable[[Mapping[str, Any]], Outcome]] = {
    "INLINE": inline,
    "LAMBDA": lambda_,
    "JSON_JQ_TRANSFORM": json_jq_transform,
}
"""By the type of the task: a function of its input."""


def case_of_switch(workflow_task: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """The case that a SWITCH takes. ScriptError or TimeLimitError: its script has no value."""
    expression = workflow_task["expression"]
    if workflow_task["evaluatorType"] in LANGUAGES:
        return as_text(evaluate(expression, given).value)
    return as_text(given.get(expression))


def case_of_decision(workflow_task: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """The case that a DECISION takes. Errors as above."""
    script = workflow_task.get("caseExpression")
    if isinstance(script, str) and script.strip():
        return as_text(evaluate(script, given).value)
    return as_text(given.get(workflow_task.get("caseValueParam", "")))
