"""The paths of Jayway JsonPath 2.9, by which Conductor reads a document (server 3.32.3).

A path leads to one value, or finds any number of values: with a wildcard, a slice, a filter, several indexes or ``..``.
The first kind fails if a member is missing. The second kind leaves such places out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

from conductor.testing.expressions.errors import PathError
from conductor.testing.expressions.filters import parse_filter
from conductor.testing.expressions.functions import FUNCTIONS
from conductor.testing.expressions.java_text import Selection
from conductor.testing.expressions.literals import end_of_brackets, literal, split_arguments

__all__ = ["Path", "PathError", "parse"]

MOST_STEPS = 100
MOST_FOUND = 100_000
"""Values that a step may find. A few steps of ``..*`` would else find more than the memory can hold."""
_NAME = re.compile(r"[^.\[( ]+")
_BRACKET_NAMES = re.compile(r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*(,|$)""")
_INDEXES = re.compile(r"\s*-?\d{1,9}\s*(?:,\s*-?\d{1,9}\s*)*", re.ASCII)
_SLICE = re.compile(r"\s*(-?\d{1,9})?\s*:\s*(-?\d{1,9})?\s*(?::.*)?", re.ASCII)

Select = Callable[[Any, Any], Iterable[Any]]
"""The values that a step finds in a value; the second argument is the whole document."""


@dataclass(frozen=True)
class Step:
    """finds_many: whether it may find any number of values.

    is_lenient: whether it finds nothing in a number or a text, where other such steps fail.
    """

    select: Select
    finds_many: bool = False
    is_lenient: bool = False


@dataclass(frozen=True)
class Path:
    """A path that can be read in any document. call: a function of the values at its end."""

    steps: tuple[Step, ...]
    call: Callable[[Any, Any], Any] | None = None

    @property
    def finds_many(self) -> bool:
        return any(step.finds_many for step in self.steps)

    def read(self, value: Any, document: Any = None) -> Any:
        """The value at the path, or a Selection of the values that it finds.

        document: for ``$`` inside of filters and functions; None if the value is the document. PathError: there is no
        such value, or a function cannot be applied.
        """
        document = value if document is None else document
        found: list[Any] = [value]
        for step in self.steps:
            found = _limited(each for value in found for each in step.select(value, document))
        if self.call is not None:
            found = [self.call(value, document) for value in found]
        if self.finds_many:
            return Selection(found)
        if not found:
            raise PathError("no value")
        return found[0]

    def exists(self, value: Any, document: Any) -> bool:
        """Whether a filter takes the path for present: a step that may find many values has to find none."""
        found = [value]
        for step in self.steps:
            if step.finds_many:
                return step.is_lenient or isinstance(found[0], Mapping | list)
            found = list(step.select(found[0], document))
            if not found:
                return False
        return True


def _limited(values: Iterable[Any]) -> list[Any]:
    found = list(islice(values, MOST_FOUND + 1))
    if len(found) > MOST_FOUND:
        raise PathError(f"the path finds more than {MOST_FOUND} values")
    return found


@lru_cache(maxsize=4096)
def parse(text: str) -> Path:
    """The path of an expression. PathError if it is none.

    ``$.`` may be left out. The whole path is read; a function ends it, as it does at the server.
    """
    whole = (text if text[:1] in ("$", "@") else f"$.{text}").strip()
    if whole.endswith("."):
        raise PathError("a path must not end with a dot")
    return _Reader(whole.removesuffix("[") if len(whole) > 1 else whole).path()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 1  # after "$" or "@"
        self._steps: list[Step] = []

    def path(self) -> Path:
        while self._position < len(self._text):
            if len(self._steps) == MOST_STEPS:
                raise PathError("the path is too long")
            is_deep = self._accept("..")
            has_dot = is_deep or self._accept(".")
            if self._peek() == "[":
                self._add(self._bracket(is_deep=is_deep), is_deep=is_deep)
            elif self._accept("*"):
                self._accept("*")
                self._add(_WILDCARD, is_deep=is_deep)
            elif has_dot:
                name = self._name()
                if self._peek() == "(":
                    return self._function(name, is_deep=is_deep)
                self._add(Step(_member(name)), is_deep=is_deep)
            else:
                raise PathError("a step must begin with a dot or a bracket")
        return Path(tuple(self._steps))

    def _peek(self) -> str:
        return self._text[self._position : self._position + 1]

    def _accept(self, sign: str) -> bool:
        is_there = self._text.startswith(sign, self._position)
        self._position += len(sign) * is_there
        return is_there

    def _add(self, step: Step, *, is_deep: bool) -> None:
        self._steps.append(Step(_deep(step), finds_many=True, is_lenient=True) if is_deep else step)

    def _name(self) -> str:
        found = _NAME.match(self._text, self._position)
        if found is None or self._text[found.end() : found.end() + 1] == " ":
            raise PathError("a name is missing, or has a blank: use ['…']")
        self._position = found.end()
        return found[0]

    def _function(self, name: str, *, is_deep: bool) -> Path:
        end = end_of_brackets(self._text, self._position)
        arguments = split_arguments(self._text[self._position + 1 : end - 1])
        function = FUNCTIONS.get(name, _unknown_function)
        if is_deep:
            self._steps.append(Step(lambda _value, _document: (), finds_many=True))

        def call(value: Any, document: Any) -> Any:
            return function(value, lambda: [_argument(each, document) for each in arguments])

        return Path(tuple(self._steps), call)

    def _bracket(self, *, is_deep: bool) -> Step:
        end = end_of_brackets(self._text, self._position)
        inside = self._text[self._position + 1 : end - 1]
        self._position = end
        if inside.lstrip().startswith("?"):
            accepts = parse_filter(inside.strip()[1:].strip(), parse)
            return Step(_accepted(accepts), finds_many=True)
        if inside.strip() == "*":
            return _WILDCARD
        if _INDEXES.fullmatch(inside):
            indexes = [int(each) for each in inside.split(",")]
            return Step(_at(indexes), finds_many=len(indexes) > 1)
        if (slice_ := _SLICE.fullmatch(inside)) and (slice_[1] or slice_[2]):
            return Step(_sliced(slice_[1], slice_[2]), finds_many=True)
        names = _names_in(inside)
        if len(names) == 1:
            return Step(_member(names[0]))
        if self._position < len(self._text):
            return Step(_each_of(names), finds_many=True)
        return Step(_several(names, least=len(names) if is_deep else 0))


def _unknown_function(_value: Any, _arguments: Callable[[], list[Any]]) -> Any:
    """The server registers a path with any function, and finds nothing at it (3.32.3)."""
    raise PathError("there is no such function")


def _argument(text: str, document: Any) -> Any:
    return parse(text).read(document) if text.startswith("$") else literal(text)


def _names_in(text: str) -> list[str]:
    names, position = [], 0
    while found := _BRACKET_NAMES.match(text, position):
        name = found[1] if found[1] is not None else found[2]
        names.append(re.sub(r"\\(.)", r"\1", name))
        position = found.end()
        if not found[3]:
            return names
    raise PathError("brackets must hold names in quotes, indexes, a slice, * or a filter")


def _member(name: str) -> Select:
    return lambda value, _: [value[name]] if isinstance(value, Mapping) and name in value else []


def _each_of(names: list[str]) -> Select:
    return lambda value, _: [value[name] for name in names if isinstance(value, Mapping) and name in value]


def _several(names: list[str], least: int) -> Select:
    """An object of the members that are there. least: nothing is found if there are fewer."""

    def select(value: Any, _: Any) -> Iterable[Any]:
        if isinstance(value, Mapping):
            found = {name: value[name] for name in names if name in value}
            if len(found) >= least:
                yield found

    return select


def _each(value: Any, _: Any) -> Sequence[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list) else []


_WILDCARD = Step(_each, finds_many=True, is_lenient=True)


def _at(indexes: list[int]) -> Select:
    def select(value: Any, _: Any) -> Iterable[Any]:
        if isinstance(value, list):
            yield from (value[index] for index in indexes if -len(value) <= index < len(value))

    return select


def _sliced(start: str | None, end: str | None) -> Select:
    def select(value: Any, _: Any) -> Iterable[Any]:
        if not isinstance(value, list):
            return
        first, last = int(start or 0), len(value) if end is None else int(end)
        first += len(value) * (first < 0)
        last += len(value) * (last < 0)
        # The server takes an index that is still negative from the end, so that values come twice (3.32.3).
        first, last = max(first, -len(value)), min(last, len(value))
        yield from (value[index] for index in range(first, last))

    return select


def _accepted(accepts: Callable[[Any, Any], bool]) -> Select:
    def select(value: Any, document: Any) -> Iterable[Any]:
        candidates = value if isinstance(value, list) else [value] if isinstance(value, Mapping) else []
        yield from (each for each in candidates if accepts(each, document))

    return select


def _deep(step: Step) -> Select:
    """The step, applied to a value and to all values inside of it, the outer ones first."""

    def select(value: Any, document: Any) -> Iterator[Any]:
        waiting = [value]
        while waiting:
            each = waiting.pop()
            yield from step.select(each, document)
            waiting += reversed(_each(each, document))

    return select
