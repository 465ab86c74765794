"""Templates: values of JSON whose texts may hold expressions, ``${…}``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from conductor.testing.expressions.java_text import Selection, as_text
from conductor.testing.expressions.path import PathError, parse

MOST_INNER = 20
"""Expressions inside of expressions."""
TASK_ID = "CPEWF_TASK_ID"
SYSTEM_NAMES = (TASK_ID, "NETFLIX_ENV", "NETFLIX_STACK")
"""Expressions without a value stay as they are if they have one of these names."""
SECRETS, ENVIRONMENT = "workflow.secrets.", "workflow.env."


def fill(template: Any, document: Mapping[str, Any], task_id: str | None = None) -> Any:
    """The template with its expressions replaced. An expression that is the whole text keeps the type of its value.

    task_id: the value of ``${CPEWF_TASK_ID}``; None leaves that as it is.
    """
    if isinstance(template, str):
        return _fill_text(template, document, task_id) if "${" in template else template
    if isinstance(template, dict):
        return {name: fill(value, document, task_id) for name, value in template.items()}
    if isinstance(template, list):
        return [fill(value, document, task_id) for value in template]
    return template


def expressions_in(text: str) -> Iterator[str]:
    """The texts between ``${`` and ``}``."""
    for start, end in _spans(text):
        yield text[start + 2 : end - 1]


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """The places of the expressions, braces balanced. ``$${`` begins none."""
    position = text.find("${")
    while position >= 0:
        end = position + 2
        if position == 0 or text[position - 1] != "$":
            depth = 1
            while end < len(text) and depth:
                depth += {"{": 1, "}": -1}.get(text[end], 0)
                end += 1
            if depth:
                return
            yield position, end
        position = text.find("${", end)


def _fill_text(text: str, document: Mapping[str, Any], task_id: str | None, level: int = 0) -> Any:
    parts: list[str] = []
    done = 0
    for start, end in _spans(text):
        value = _value_of(text[start:end], document, task_id, level)
        if start == 0 and end == len(text) and level == 0:
            return list(value) if isinstance(value, Selection) else value
        parts += [text[done:start], as_text(value)]
        done = end
    return "".join([*parts, text[done:]]).replace("$${", "${")


def _value_of(expression: str, document: Mapping[str, Any], task_id: str | None, level: int) -> Any:
    if level > MOST_INNER:
        return None
    path = expression[2:-1]
    if "${" in path:
        path = _fill_text(path, document, task_id, level + 1)
    if not path.strip():
        return ""
    if path.startswith(SECRETS):  # replaced when the task is handed out, if the server has a store of secrets
        return expression
    if path.startswith(ENVIRONMENT):
        return None
    if path in SYSTEM_NAMES:
        return task_id if path == TASK_ID and task_id is not None else expression
    try:
        return parse(path).read(document)
    except PathError:
        return None
