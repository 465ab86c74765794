"""The check of expressions at the registration of a workflow (server 3.32.3)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from conductor.testing.expressions.errors import PathError, PatternError
from conductor.testing.expressions.path import parse
from conductor.testing.expressions.template import SYSTEM_NAMES, expressions_in

_PARTS = re.compile(r"(?=(?<!\$)\$\{)|(?<=\})")


def problems_in(parameters: Mapping[str, Any], task_name: str, refs: Collection[str]) -> Iterator[str]:
    """The server's messages about the expressions in the inputParameters of a task.

    refs: the reference names of the tasks of the workflow. Only expressions without braces inside are checked.
    """
    for key, text in _texts_in(parameters):
        yield from _problems_in_text(key, text, task_name, refs)


def patterns_in(parameters: Mapping[str, Any]) -> Iterator[str]:
    """Messages about the regular expressions that may take too long. The server takes them all (3.32.3)."""
    for _, text in _texts_in(parameters):
        for path in expressions_in(text):
            try:
                parse(path)
            except PatternError as error:
                yield f"{path}: {error}"
            except PathError:
                continue  # null at the server, or the subject of another check


def _texts_in(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The texts inside of it, each with the name of the member that it is in."""
    waiting: list[tuple[str, Any]] = [*reversed([*values.items()])]  # no recursion, for any depth
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, str):
            yield key, value
        elif isinstance(value, dict):
            waiting += reversed(value.items())
        elif isinstance(value, list):
            waiting += [(key, each) for each in reversed(value)]


def _problems_in_text(key: str, text: str, task_name: str, refs: Collection[str]) -> Iterator[str]:
    for path in checked_paths(text):
        root = path.split(".")[0]
        if not is_path(path):
            yield f"key: {key} input parameter value: {path} is not valid"
        elif path not in SYSTEM_NAMES and root != "workflow" and root not in refs:
            yield (
                f"taskReferenceName: {root} for given task: {task_name} input value: {key} of input parameter: {text}"
                " is not defined in workflow definition."
            )


def checked_paths(text: str) -> Iterator[str]:
    """The texts between ``${`` and ``}`` that the server checks."""
    for part in _PARTS.split(text) if "${" in text else ():
        if part.startswith("${") and part.endswith("}"):
            yield part[2:-1]


def is_path(text: str) -> bool:
    """Whether the server can read it as a path."""
    try:
        parse(text)
    except PathError:
        return False
    return bool(text.strip())
