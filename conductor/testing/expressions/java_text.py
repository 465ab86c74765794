"""Values inside a text, as the server's Java prints them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

LEAST_PLAIN, FIRST_LARGE = 1e-3, 1e7
"""Java prints numbers with a fraction from the first up to the second without an exponent."""

_ESCAPES = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPED = re.compile(r'["\\/\x00-\x1f\x7f-\x9f\u2000-\u20ff]')


class Selection(list[Any]):
    """The values that an expression with a wildcard, a slice or a filter has found. Inside a text it is JSON."""


def as_text(value: Any) -> str:
    """The value as a text: ``null``, ``true``, ``1.0E7``, ``{a=1}``, ``[1, b]``, and a selection as JSON."""
    is_json = isinstance(value, Selection)
    parts: list[str] = []
    waiting: list[str | _Value] = [_Value(value)]  # the next one last
    while waiting:  # no recursion: the stack may have no room for all levels
        each = waiting.pop()
        if isinstance(each, str):
            parts.append(each)
        else:
            waiting += reversed(_parts(each.value, is_json=is_json))
    return "".join(parts)


class _Value(NamedTuple):
    """A value that is still to be written."""

    value: Any


def _parts(value: Any, *, is_json: bool) -> list[str | _Value]:
    """The texts and the inner values of which the text of a value is made."""
    comma = "," if is_json else ", "
    members: list[str | _Value] = []
    if isinstance(value, Mapping):
        for name, each in value.items():
            members += [comma, f"{_json_text(name)}:" if is_json else f"{name}=", _Value(each)]
        return ["{", *members[1:], "}"]
    if isinstance(value, list):
        for each in value:
            members += [comma, _Value(each)]
        return ["[", *members[1:], "]"]
    return [_json_text(value) if is_json and isinstance(value, str) else _scalar(value)]


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _fraction(value) if isinstance(value, float) else str(value)


def _fraction(value: float) -> str:
    """As ``Double.toString`` of Java 19 and newer. The number is finite, as all numbers of JSON are."""
    if value == 0 or LEAST_PLAIN <= abs(value) < FIRST_LARGE:
        return repr(value)
    number = Decimal(repr(value)).normalize()
    first, *rest = (str(digit) for digit in number.as_tuple().digits)
    return f"{'-' if value < 0 else ''}{first}.{''.join(rest) or '0'}E{number.adjusted()}"


def _json_text(text: str) -> str:
    return '"' + _ESCAPED.sub(lambda found: _ESCAPES.get(found[0], f"\\u{ord(found[0]):04X}"), text) + '"'
