"""Says where a JSON value does not fit a type. It never shows the value, which may be a secret."""

from __future__ import annotations

import enum
import os
import re
import traceback
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from typing import Any

from msgspec import ValidationError, inspect

from conductor.binding.other_spellings import NOTHING
from conductor.binding.type_parts import fields_of_type, inner, key_type, members

_PROBLEM = re.compile(r"(?s)(?P<problem>.*?)(?: - at `(?P<in_key>key` in `)?\$\[0\](?P<path>[^`]*)`)?")
_LIMIT = re.compile(r"Expected (?P<expected>(?:(?!, got `).)*?)(?:, got (?P<got>\d+))?")
_FIELD = re.compile(r"Object (?P<state>missing required|contains unknown) field `(?P<name>.+)`")
REFUSED = "refused by a validator of its class"
"""The text for a check that has no text, or whose text may show a value."""
_TEXTS = {
    inspect.AnyType: "a value",
    inspect.BoolType: "bool",
    inspect.BytesType: "bytes in base64",
    inspect.ByteArrayType: "bytes in base64",
    inspect.DateTimeType: "a date and time in ISO 8601",
    inspect.DateType: "a date in ISO 8601",
    inspect.DecimalType: "a decimal number",
    inspect.FloatType: "float",
    inspect.IntType: "int",
    inspect.NoneType: "null",
    inspect.StrType: "str",
    inspect.TimeDeltaType: "a duration in ISO 8601",
    inspect.TimeType: "a time in ISO 8601",
    inspect.UUIDType: "a UUID",
}


class DoesNotFitError(ValueError):
    """A JSON value does not fit a type.

    path: its place, such as ``$.order.lines[0].sku``. expected: the type in words, or the text of the class's own
    check. got: the type of the value, ``nothing`` for a missing one; empty with the text of a check.
    """

    def __init__(self, path: str, expected: str, got: str) -> None:
        super().__init__(path, expected, got)
        self.path = path
        self.expected = expected
        self.got = got

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}, got {self.got}" if self.got else f"{self.path}: {self.expected}"

    def below(self, path: str) -> DoesNotFitError:
        """The error for another value, which has this value at the path."""
        return DoesNotFitError(path + self.path[1:], self.expected, self.got)


def word_for(value: Any) -> str:
    """The type of a JSON value in a word."""
    if value is NOTHING:
        return "nothing"
    if value is None:
        return "null"
    return {"dict": "object", "list": "array"}.get(type(value).__name__, type(value).__name__)


def describe(kind: inspect.Type) -> str:
    """The type in words, for a developer who knows Python."""
    return " or ".join(map(_describe_one, members(kind)))


def _describe_one(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.EnumType):
        kinds = "a combination of" if issubclass(kind.cls, enum.Flag) else "one of"
        return f"{kinds} {', '.join(repr(each.value) for each in kind.cls)}"
    if isinstance(kind, inspect.LiteralType):
        return f"one of {', '.join(map(repr, kind.values))}"
    if isinstance(kind, inspect.CollectionType | inspect.TupleType) or getattr(kind, "array_like", False):
        return "array"
    name: str = getattr(getattr(kind, "cls", None), "__name__", "object")
    return _TEXTS.get(type(kind), name)


def find_misfit(
    kind: inspect.Type, original: Any, given: Any, error: ValidationError, convert: Callable[[Any], Any]
) -> DoesNotFitError:
    """The error of ``convert(given)`` with its exact place. ``given`` is the original in msgspec's spelling."""
    found = _PROBLEM.fullmatch(str(error))
    assert found is not None  # noqa: S101 - for the type checker: it matches any text
    place = _Place(kind, original, given)
    path = found["path"] or ""
    while path:
        path = place.follow(path, str(error), convert)
    if error.__cause__ is not None:
        return of_check(place.path, error.__cause__)
    return _of_msgspec(place, found["problem"], in_key=bool(found["in_key"]))


def find_unhashable(kind: inspect.Type, value: Any) -> DoesNotFitError:
    """The error of a value for which Python has no hash, and which would be in a set. With its exact place."""
    path, found = next(_unhashable(kind, value, "$", in_set=False), ("$", value))
    return DoesNotFitError(path, "a value that a set can hold", word_for(found))


def _unhashable(kind: inspect.Type, value: Any, path: str, *, in_set: bool) -> Iterator[tuple[str, Any]]:
    kinds = members(kind)
    if in_set and isinstance(value, dict | list) and not any(map(_has_hash, kinds)):
        yield path, value
    in_set = in_set or any(isinstance(each, inspect.SetType | inspect.FrozenSetType) for each in kinds)
    for step, each in _steps(value):
        yield from _unhashable(inner(kind, step, value), each, path + path_step(step), in_set=in_set)


def _steps(value: Any) -> Iterable[tuple[Any, Any]]:
    """The members of an object or the items of an array, each with its place there."""
    return value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()


def find_missing(kind: inspect.Type, value: Any) -> DoesNotFitError | None:
    """The error of a field of a NamedTuple that an object lacks, although it may have any type. None if all are there.

    msgspec gets NOTHING in its place, and takes this for a value.
    """
    path = next(_missing(kind, value, "$"), None)
    return None if path is None else DoesNotFitError(path, _TEXTS[inspect.AnyType], word_for(NOTHING))


def _missing(kind: inspect.Type, value: Any, path: str) -> Iterator[str]:
    tuples = [each for each in members(kind) if isinstance(each, inspect.NamedTupleType)]
    if isinstance(value, dict) and tuples:
        absent = [each.name for each in tuples[0].fields if each.required and each.name not in value]
        yield from (path + path_step(name) for name in absent)
    for step, each in _steps(value):
        yield from _missing(inner(kind, step, value), each, path + path_step(step))


def _has_hash(kind: inspect.Type) -> bool:
    """Whether what is made of an object or an array may be in a set."""
    is_immutable = isinstance(kind, inspect.TupleType | inspect.VarTupleType | inspect.FrozenSetType)
    return is_immutable or getattr(kind, "cls", list).__hash__ is not None  # any other becomes a list or a dict


def of_check(path: str, cause: BaseException) -> DoesNotFitError:
    """The error of a class's own check, which chooses its text. The texts of attrs' validators show the value."""
    if isinstance(cause, DoesNotFitError):
        return cause.below(path)
    frames = [frame for frame, _ in traceback.walk_tb(cause.__traceback__)]
    files = [frame.f_code.co_filename for frame in frames[-1:]]
    is_of_attrs = any(f"{os.sep}attr{os.sep}" in each or each.startswith("<attrs generated") for each in files)
    return DoesNotFitError(path, ("" if is_of_attrs else str(cause)) or REFUSED, "")


def _of_msgspec(place: _Place, problem: str, *, in_key: bool) -> DoesNotFitError:
    if in_key:
        return DoesNotFitError(place.path, f"{describe(key_type(place.kind))} as a key", "str")
    if missing := _FIELD.fullmatch(problem):
        place.enter(missing["name"])
        expected = "no such member" if missing["state"] == "contains unknown" else describe(place.kind)
        return DoesNotFitError(place.path, expected, word_for(place.value))
    if limit := _LIMIT.fullmatch(problem):
        got = f"{word_for(place.value)} of length {limit['got']}" if limit["got"] else word_for(place.value)
        return DoesNotFitError(place.path, limit["expected"].replace("`", ""), got)
    expected = "a number that a float can hold" if problem == "Number out of range" else describe(place.kind)
    return DoesNotFitError(place.path, expected, word_for(place.value))


class _Place:
    """A place in a JSON value, and the type that is expected there."""

    def __init__(self, kind: inspect.Type, original: Any, given: Any) -> None:
        self.path = "$"
        self.kind = kind
        self.value = original
        self._whole = given
        self._steps: list[Any] = []

    def follow(self, path: str, problem: str, convert: Callable[[Any], Any]) -> str:
        """Take the first step of a path of msgspec. Returns the rest."""
        if path.startswith("["):
            index, _, rest = path[1:].partition("]")
            if index == "...":
                self.enter_first_misfit(problem, convert)
            else:
                self.enter(int(index))
            return rest
        fitting = [name for name in self._names() if re.match(rf"\.{re.escape(name)}($|[.\[])", path)]
        name = max(fitting, key=len, default=path[1:])  # a name may contain a dot; only the tag of a struct is no field
        self.enter(name)
        return path[1 + len(name) :]

    def enter(self, step: Any) -> None:
        """Go on to a member or an item."""
        self._steps.append(step)
        if isinstance(step, int) and isinstance(self.value, dict):  # a NamedTuple, given as an object
            step = self._names()[step]
        self._enter_original(step)

    def enter_first_misfit(self, problem: str, convert: Callable[[Any], Any]) -> None:
        """Go on to the first value in this object that does not fit. msgspec names the object alone."""
        part = self._whole
        for step in self._steps:
            part = part[step]
        members = list(part.items())

        def is_in_first(number: int) -> bool:
            try:
                convert(_replaced(self._whole, self._steps, dict(members[:number])))
            except ValidationError as error:
                return str(error) == problem
            except TypeError:  # of a set that comes later
                return False
            return False

        number = bisect_left(range(len(members) + 1), True, key=is_in_first) - 1
        # A later member may have the same error. It must not be found by the next search.
        self._whole = _replaced(self._whole, self._steps, dict(members[: number + 1]))
        self._steps.append(members[number][0])
        self._enter_original(list(self.value)[number])

    def _names(self) -> list[str]:
        return [field.encode_name for each in members(self.kind) for field in fields_of_type(each)]

    def _enter_original(self, step: Any) -> None:
        self.kind = inner(self.kind, step, self.value)
        try:
            self.value = self.value[step]
        except LookupError:
            self.value = NOTHING
        self.path += path_step(step)


def path_step(step: Any) -> str:
    """A step of a path as text."""
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if str(step).isidentifier() else f"[{str(step)!r}]"


def _replaced(whole: Any, steps: Sequence[Any], part: Any) -> Any:
    """A copy with another part at the end of these steps."""
    if not steps:
        return part
    copied = copy(whole)
    copied[steps[0]] = _replaced(whole[steps[0]], steps[1:], part)
    return copied
