"""Expressions without a value, which a server fills with null in silence."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from conductor.testing.expressions.path import PathError, parse
from conductor.testing.expressions.template import SECRETS, SYSTEM_NAMES, expressions_in, fill

MOST_MEMBERS = 20
_NAME = re.compile(r"""\W*(\w[^.\[\]'"]*)""")
_SEPARATORS = re.compile(r"[.\[]")


def unresolved_in(template: Any, document: Mapping[str, Any], parameter: str = "") -> Iterator[str]:
    """A text about each expression of a template that has no value in the document. A null is a value.

    parameter: the place of the template, such as ``order.lines[0]``.
    """
    if isinstance(template, str):
        for path in expressions_in(template):
            yield from _unresolved(path, document, parameter)
    elif isinstance(template, dict):
        for name, value in template.items():
            yield from unresolved_in(value, document, f"{parameter}.{name}" if parameter else str(name))
    elif isinstance(template, list):
        for index, value in enumerate(template):
            yield from unresolved_in(value, document, f"{parameter}[{index}]")


def _unresolved(path: str, document: Mapping[str, Any], parameter: str) -> Iterator[str]:
    inner = list(unresolved_in(path, document, parameter))  # expressions inside of this one
    if inner:
        yield from inner
        return
    path = str(fill(path, document))
    if not path.strip() or path in SYSTEM_NAMES or path.startswith(SECRETS):
        return
    try:
        parse(path).read(document)
    except PathError:
        yield f"{parameter}: ${{{path}}} has no value: {_values_beside(path, document)}"


def _values_beside(path: str, document: Mapping[str, Any]) -> str:
    """The longest part of the path that has a value, and the members of this value."""
    for separator in reversed(list(_SEPARATORS.finditer(path))):
        before = path[: separator.start()]
        try:
            value = parse(before).read(document)
        except PathError:
            continue
        return f"{before} {_description(value, path[separator.start() :])}"
    return f"there {_with_similar('are', document, path)}"


def _description(value: Any, rest: str) -> str:
    if isinstance(value, Mapping):
        return _with_similar("has", value, rest) if value else "is empty"
    if isinstance(value, list):
        return f"is a list of {len(value)}"
    names: dict[type, str] = {type(None): "null", str: "a text", bool: "a boolean"}
    return f"is {names.get(type(value), 'a number')}"


def _with_similar(verb: str, members: Mapping[str, Any], rest: str) -> str:
    """The names of the members, and the one that is like the next name of the path."""
    names = sorted(members)
    more = len(names) - MOST_MEMBERS
    text = f"{verb} {', '.join(names[:MOST_MEMBERS])}" + (f" and {more} more" if more > 0 else "")
    wanted = _NAME.match(rest)
    similar = difflib.get_close_matches(wanted[1], names, 1) if wanted else []
    return text + (f"; did you mean {similar[0]}?" if similar else "")
