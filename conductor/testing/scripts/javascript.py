"""Runs the JavaScript of workflows, with the answers of the server's GraalJS (3.32.3)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from conductor.testing.scripts.engines import javascript_engine
from conductor.testing.scripts.errors import ScriptError, TimeLimitError

MEMORY_LIMIT = 256 * 1024 * 1024
STACK_LIMIT = 512 * 1024
_GREATEST_LONG = 2**63 - 1

Run = Callable[[str, str], str]


class Answer(NamedTuple):
    """value: as JSON holds it. is_true: whether it counts as true in the condition of a loop."""

    value: Any
    is_true: bool


def evaluate(script: str, bindings: Mapping[str, Any], limit: float) -> Answer:
    """Evaluate a script, in which ``$`` has the bindings. limit: seconds of CPU time of the process.

    ScriptError: the script has a wrong syntax or has raised an error. TimeLimitError: it did not end in time.
    """
    engine = javascript_engine()
    context = engine.Context()
    context.set_time_limit(limit)
    context.set_memory_limit(MEMORY_LIMIT)
    context.set_max_stack_size(STACK_LIMIT)
    try:
        answer = json.loads(context.eval(_prelude())(json.dumps(bindings), script))
    except engine.JSException as error:
        if "interrupted" in str(error):
            raise TimeLimitError(limit) from None
        raise ScriptError(f"Error evaluating the script `{str(error).splitlines()[0]}`") from None
    if "name" in answer:
        raise ScriptError(_reason(answer["name"], answer["message"], answer["line"]))
    return Answer(_as_java(answer["value"]), answer["isTrue"])


def check_syntax(script: str) -> None:
    """ScriptError if the script has a wrong syntax. It is not run."""
    engine = javascript_engine()
    try:
        engine.Context().eval(f"throw null;{script}")
    except engine.JSException as error:
        if str(error).startswith("SyntaxError"):
            raise ScriptError(str(error).splitlines()[0]) from None


def _reason(name: str, message: str, line: int) -> str:
    text = f"{name}: {message}" if name and message else name or message
    return f"Error evaluating the script `{_as_graal(text)}` at line {line}"


def _as_graal(text: str) -> str:
    """The usual errors in the words of GraalJS."""
    if text.startswith("TypeError: cannot read property"):
        return text.replace("cannot read", "Cannot read", 1)
    if text.startswith("ReferenceError: '"):
        return text.replace("'", "")
    return text


def _as_java(value: Any) -> Any:
    """The value with whole numbers beyond 64 bits as fractions."""
    if isinstance(value, dict):
        return {name: _as_java(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_as_java(each) for each in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _GREATEST_LONG:
        return float(value)
    return value


@cache
def _prelude() -> str:
    return Path(__file__).with_name("prelude.js").read_text()
