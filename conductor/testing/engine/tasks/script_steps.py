"""The checks of steps that evaluate a script."""

from __future__ import annotations

from conductor.testing.engine.records.records import Wire
from conductor.testing.scripts import ScriptError, check_syntax, javascript_engine

VALUE_PARAM = "value-param"
"""The evaluator whose expression is the name of an input."""
LANGUAGES = ("javascript", "graaljs")


def script_problems(script: str, step: Wire, *, checks_syntax: bool = True) -> list[str]:
    """The problem of a script of JavaScript in a step. EngineMissingError."""
    javascript_engine()
    try:
        if checks_syntax:
            check_syntax(script)
    except ScriptError as error:
        return [f"Expression is not well formatted: {error}, taskType: {step['type']} taskName {step['name']}"]
    return []
