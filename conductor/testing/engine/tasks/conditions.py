"""The ``loopCondition`` of a DO_WHILE where no engine for JavaScript is installed.

It reads the conditions whose answer is sure to be that of JavaScript: comparisons of the number of the iteration with
other numbers. All others are refused when the workflow is registered.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import TypeVar

from conductor.testing.scripts import ScriptError

T = TypeVar("T")
Condition = Callable[[int | None], bool]
"""Whether the loop goes on after an iteration. None: the loop is not found by its name, so that it has no number.

ScriptError: it reads that number.
"""
_Number = Callable[[int | None], float]

MOST_LEVELS = 50  # levels of parentheses and negations
_SPACE = " \t\r\n"
_TOKEN = re.compile(
    rf"""[{_SPACE}]*+(?:(?P<number>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?)
    |\$(?:\.(?P<ref>[^\W\d]\w*+)|\[(?P<quote>['"])(?P<quoted>[^'"\\\r\n]++)(?P=quote)\])
    (?P<iteration>\.iteration\b|\['iteration'\]|\["iteration"\])
    |(?P<sign>===|!==|==|!=|<=|>=|&&|\|\||[<>!(){{}};]|\b(?:true|false|if|else)\b))""",
    re.VERBOSE,
)
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "===": operator.eq,
    "!=": operator.ne,
    "!==": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def parse(text: str, ref: str) -> Condition:
    """The condition of the loop with this reference name. ValueError: it cannot be read."""
    parser = _Parser(text.strip(_SPACE).removesuffix(";").rstrip(_SPACE), ref)
    condition = parser.if_else() or parser.either()
    if not parser.at_end:
        raise ValueError("it is more than comparisons of the iteration with numbers")
    return condition


class _Parser:
    def __init__(self, text: str, ref: str) -> None:
        self._tokens: list[re.Match[str]] = []
        self._ref = ref
        position = 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise ValueError(f"cannot read {text[position:]!r}")
            self._tokens.append(match)
            position = match.end()
        self._position = 0
        self._level = 0

    @property
    def at_end(self) -> bool:
        return self._position == len(self._tokens)

    def if_else(self) -> Condition | None:
        """``if (…) { true; } else { false; }``. None: the text begins in another way."""
        if not self._accept("if"):
            return None
        self._need("(")
        condition = self.either()
        self._need(")")
        self._block("true")
        self._need("else")
        self._block("false")
        return condition

    def either(self) -> Condition:
        parts = [self._both()]
        while self._accept("||"):
            parts.append(self._both())
        return lambda iteration: any(part(iteration) for part in parts)

    def _both(self) -> Condition:
        parts = [self._part()]
        while self._accept("&&"):
            parts.append(self._part())
        return lambda iteration: all(part(iteration) for part in parts)

    def _part(self) -> Condition:
        return self._truth() or self._comparison()

    def _truth(self) -> Condition | None:
        """A negation, a condition in parentheses, or a constant. None: the text goes on in another way."""
        self._level += 1
        if self._level > MOST_LEVELS:
            raise ValueError(f"it is nested over {MOST_LEVELS} levels")
        truth: Condition | None = None
        if self._accept("!"):
            inner = self._truth()
            if inner is None:
                raise ValueError("there is no condition in parentheses after '!'")
            truth = _not(inner)
        elif self._accept("("):
            truth = self.either()
            self._need(")")
        elif constant := self._accept("true", "false"):
            truth = _constant(constant == "true")
        self._level -= 1
        return truth

    def _comparison(self) -> Condition:
        left = self._number()
        sign = self._accept(*_COMPARISONS)
        if sign is None:
            raise ValueError("a number is not compared with another one")
        compare, right = _COMPARISONS[sign], self._number()
        return lambda iteration: compare(left(iteration), right(iteration))

    def _number(self) -> _Number:
        """A number, or that of the iteration."""
        if self.at_end:
            raise ValueError("it ends too early")
        token = self._tokens[self._position]
        self._position += 1
        if token["number"]:
            return _constant(float(token["number"]))
        if token["iteration"] and self._ref == (token["ref"] or token["quoted"]):
            return _number_of
        raise ValueError(f"{token[0].strip(_SPACE)!r} is neither a number nor the iteration of this loop")

    def _block(self, result: str) -> None:
        self._need("{")
        self._need(result)
        self._accept(";")
        self._need("}")

    def _accept(self, *signs: str) -> str | None:
        """The next sign, if it is one of these. Then it has been read."""
        if not self.at_end and self._tokens[self._position]["sign"] in signs:
            self._position += 1
            return self._tokens[self._position - 1]["sign"]
        return None

    def _need(self, sign: str) -> None:
        if not self._accept(sign):
            raise ValueError(f"there is no {sign!r} where one must be")


def _not(condition: Condition) -> Condition:
    return lambda iteration: not condition(iteration)


def _constant(value: T) -> Callable[[int | None], T]:
    return lambda _: value


def _number_of(iteration: int | None) -> float:
    if iteration is None:
        reason = "TypeError: Cannot read property 'iteration' of undefined"
        raise ScriptError(f"Error evaluating the script `{reason}` at line 1")
    return iteration
