"""The ``loopCondition`` of a DO_WHILE: comparisons of paths and constants, with ``&&``, ``||`` and ``!``.

The real server runs JavaScript. This module reads the conditions that loops usually have, and refuses all others when
the workflow is registered.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

Roots = Callable[[str], Any]
"""Gives the value that the first name of a path stands for, None if there is none."""
Condition = Callable[[Roots], Any]

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>-?\d+(?:\.\d+)?)|(?P<text>'[^']*+'|"[^"]*+")|(?P<path>\$(?:\.\w++|\['[^']*+'\]|\["[^"]*+"\]|\[\d{1,9}+\])++)
    |(?P<word>\w+)|(?P<sign>===|!==|==|!=|<=|>=|&&|\|\||[<>!(){};]))""",
    re.VERBOSE,
)
_STEP = re.compile(r"""\.(\w+)|\['([^']*)'\]|\["([^"]*)"\]|\[(\d+)\]""")
MOST_LEVELS = 50  # levels of parentheses and negations
_CONSTANTS = {"true": True, "false": False, "null": None}


def _comparable(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def checked(left: Any, right: Any) -> bool:
        left, right = (0 if side is None else side for side in (left, right))  # as JavaScript converts null
        try:
            return compare(left, right)
        except TypeError:
            return False

    return checked


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "===": operator.eq,
    "!=": operator.ne,
    "!==": operator.ne,
    "<": _comparable(operator.lt),
    ">": _comparable(operator.gt),
    "<=": _comparable(operator.le),
    ">=": _comparable(operator.ge),
}


def parse(text: str) -> Condition:
    """The condition as a function, which takes a function from names to values. ValueError: it cannot be read."""
    parser = _Parser(text.strip().removesuffix(";"))
    condition = parser.if_else() or parser.either()
    if not parser.at_end:
        raise ValueError(f"cannot read {text!r}")
    return condition


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        position = 0
        text = text.rstrip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise ValueError(f"cannot read {text[position:]!r}")
            self._tokens.append((match.lastgroup or "", match.group().strip()))
            position = match.end()
        self._position = 0
        self._level = 0

    @property
    def at_end(self) -> bool:
        return self._position == len(self._tokens)

    def _accept(self, *signs: str) -> str | None:
        if not self.at_end and self._tokens[self._position][1] in signs:
            self._position += 1
            return self._tokens[self._position - 1][1]
        return None

    def if_else(self) -> Condition | None:
        """``if (…) { true; } else { false; }``, also with ``return``. None: the text begins in another way."""
        if not self._accept("if"):
            return None
        self._need("(")
        condition = self.either()
        self._need(")")
        self._block("true")
        self._need("else")
        self._block("false")
        return condition

    def _block(self, result: str) -> None:
        self._need("{")
        self._accept("return")
        self._need(result)
        self._accept(";")
        self._need("}")

    def _need(self, sign: str) -> None:
        if not self._accept(sign):
            raise ValueError(f"there is no {sign!r} where one must be")

    def either(self) -> Condition:
        return self._chain("||", self._both, ends_at=True)

    def _both(self) -> Condition:
        return self._chain("&&", self._comparison, ends_at=False)

    def _chain(self, sign: str, read: Callable[[], Condition], *, ends_at: bool) -> Condition:
        parts = [read()]
        while self._accept(sign):
            parts.append(read())
        return _first(parts, ends_at=ends_at) if len(parts) > 1 else parts[0]

    def _comparison(self) -> Condition:
        left = self._operand()
        sign = self._accept(*_COMPARISONS)
        return _compare(_COMPARISONS[sign], left, self._operand()) if sign else left

    def _operand(self) -> Condition:
        self._level += 1
        if self._level > MOST_LEVELS:
            raise ValueError(f"it is nested over {MOST_LEVELS} levels")
        operand = self._operand_inside()
        self._level -= 1
        return operand

    def _operand_inside(self) -> Condition:
        if self._accept("!"):
            inner = self._operand()
            return lambda roots: not inner(roots)
        if self._accept("("):
            grouped = self.either()
            if not self._accept(")"):
                raise ValueError("a parenthesis is not closed")
            return grouped
        if self.at_end:
            raise ValueError("it ends too early")
        kind, token = self._tokens[self._position]
        self._position += 1
        return _leaf(kind, token)


def _leaf(kind: str, token: str) -> Condition:
    if kind == "path":
        steps: list[str | int] = [int(m[4]) if m[4] else m[1] or m[2] or m[3] for m in _STEP.finditer(token)]
        return lambda roots: _follow(roots(str(steps[0])), steps[1:])
    if kind == "number":
        return _constant(float(token) if "." in token else int(token))
    if kind == "text":
        return _constant(token[1:-1])
    if token in _CONSTANTS:
        return _constant(_CONSTANTS[token])
    raise ValueError(f"cannot read {token!r}")


def _follow(value: Any, steps: list[str | int]) -> Any:
    """The value at the end of a path of names and indexes; None if it leads nowhere."""
    for step in steps:
        if isinstance(value, dict):
            value = value.get(str(step))
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def _constant(value: Any) -> Condition:
    return lambda _: value


def _first(parts: Sequence[Condition], *, ends_at: bool) -> Condition:
    """The first value that counts as ``ends_at``, or the last one, as in JavaScript."""

    def condition(roots: Roots) -> Any:
        value = None
        for part in parts:
            value = part(roots)
            if bool(value) is ends_at:
                break
        return value

    return condition


def _compare(compare: Callable[[Any, Any], bool], left: Condition, right: Condition) -> Condition:
    return lambda roots: compare(left(roots), right(roots))
