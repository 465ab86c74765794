"""Values inside a text, as the server's Java prints them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

LEAST_PLAIN, FIRST_LARGE = 1e-3, 1e7
"""Java prints numbers with a fraction from the first up to the second without an exponent."""

_ESCAPES = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPED = re.compile(r'["\\/\x00-\x1f\x7f-\x9f\u2000-\u20ff]')


class Selection(list[Any]):
    """The values that an expression with a wildcard, a slice or a filter has found. Inside a text it is JSON."""


def as_text(value: Any) -> str:
    """The value as a text: ``null``, ``true``, ``1.0E7``, ``{a=1}``, ``[1, b]``, and a selection as JSON."""
    parts: list[str] = []
    waiting: list[Any] = [_Value(value, is_json=isinstance(value, Selection))]  # the next one last
    while waiting:  # no recursion: the stack may have no room for all levels
        each = waiting.pop()
        if isinstance(each, str):
            parts.append(each)
        else:
            waiting += reversed(each.parts())
    return "".join(parts)


class _Value:
    def __init__(self, value: Any, *, is_json: bool) -> None:
        self.value = value
        self.is_json = is_json

    def parts(self) -> list[Any]:
        """Texts and values, in order."""
        if isinstance(self.value, Mapping):
            return self._joined(
                "{", "}", [[self._name(name), self._inner(value)] for name, value in self.value.items()]
            )
        if isinstance(self.value, list):
            return self._joined("[", "]", [[self._inner(value)] for value in self.value])
        if isinstance(self.value, str) and self.is_json:
            return [_json_text(self.value)]
        return [_scalar(self.value)]

    def _inner(self, value: Any) -> _Value:
        return _Value(value, is_json=self.is_json)

    def _name(self, name: str) -> str:
        return f"{_json_text(name)}:" if self.is_json else f"{name}="

    def _joined(self, start: str, end: str, members: list[list[Any]]) -> list[Any]:
        comma = "," if self.is_json else ", "
        inner = [part for member in members for part in (comma, *member)]
        return [start, *inner[1:], end]


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
