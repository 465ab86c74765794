"""Runs the JQ of workflows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conductor.testing.scripts.engines import jq_engine
from conductor.testing.scripts.errors import ScriptError


def transform(query: str, given: Mapping[str, Any]) -> list[Any]:
    """The values that a JQ program makes of a JSON object. ScriptError: it cannot be read, or has raised an error."""
    try:
        found: list[Any] = jq_engine().compile(query).input_value(dict(given)).all()
    except ValueError as error:
        raise ScriptError(str(error).strip()) from None
    return found
