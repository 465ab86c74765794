"""Plain values read as models, leniently: a member that cannot be read costs nothing but itself."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import inspect

from .base import INT64, Definition
from .shapes import Member, members

DEEPEST = 50
"""Models inside models; what is nested deeper is not read."""
ODD: Any = object()
"""In place of what cannot be read."""
_DIGITS = re.compile(r"-?[0-9]{1,19}")


class Reading:
    """One answer, read member by member. odd: the members that could not be read, and where the first of each stood."""

    def __init__(self, keeps_unknown: bool) -> None:
        self._keeps_unknown = keeps_unknown
        self._depth = 0
        self._left_out = 0  # items of lists and maps, in the member that is being read
        self.is_broken = False
        """Whether there may be an ODD inside of a value: then what is odd is not kept as it came."""
        self.odd: dict[str, str] = {}

    def outermost(self, value: Any, shape: inspect.Type, needed: frozenset[str]) -> Any:
        """Raises msgspec.ValidationError."""
        read = self.value(value, shape, "")
        is_other_map = isinstance(shape, inspect.DictType) and self._left_out and not read  # e.g. an error
        if read is ODD or is_other_map:
            raise msgspec.ValidationError(f"Expected an {'array' if isinstance(shape, inspect.ListType) else 'object'}")
        if isinstance(shape, inspect.StructType):
            _check(value, read, members(shape), needed)
        if self._left_out:
            self.odd["an item of a list"] = "[]"
        return read

    def value(self, value: Any, shape: inspect.Type, place: str) -> Any:
        """ODD if it cannot be read."""
        return _READ[type(shape)](self, value, shape, place)

    def model(self, value: Any, shape: inspect.StructType, place: str) -> Any:
        if not isinstance(value, dict) or self._depth == DEEPEST:
            return ODD
        self._depth += 1
        known = members(shape)
        read: dict[str, Any] = {member.attribute: None for member in known.values() if member.required}
        unknown: dict[str, Any] = {}
        for name, item in value.items():
            member = known.get(name)
            if member is None:
                if item is not ODD:
                    unknown[name] = item
            elif item is not None and not self._member(read, member, item, f"{place}.{name}"):
                self._miss(shape, name, place)
                if not self.is_broken:
                    unknown[name] = item
        for name, member in known.items():
            if member.required and read[member.attribute] is None:
                self._miss(shape, name, place)
        if self._keeps_unknown and issubclass(shape.cls, Definition):
            read["unknown_members"] = unknown
        self._depth -= 1
        return shape.cls(**read)

    def _member(self, read: dict[str, Any], member: Member, item: Any, place: str) -> bool:
        """Whether all of it could be read."""
        outside, self._left_out = self._left_out, 0
        found = self.value(item, member.shape, place)
        if found is not ODD:
            read[member.attribute] = found
        is_complete = found is not ODD and not self._left_out
        self._left_out = outside
        return is_complete

    def _miss(self, shape: inspect.StructType, name: str, place: str) -> None:
        self.odd.setdefault(f"{shape.cls.__name__}.{name}", f"{place}.{name}")

    def array(self, value: Any, shape: inspect.ListType, place: str) -> Any:
        if not isinstance(value, list):
            return ODD
        items = [self.value(item, shape.item_type, f"{place}[]") for item in value if item is not None]
        read = [item for item in items if item is not ODD]
        self._left_out += len(items) - len(read)
        return read

    def map(self, value: Any, shape: inspect.DictType, place: str) -> Any:
        if not isinstance(value, dict) or isinstance(shape.value_type, inspect.AnyType):
            return value if isinstance(value, dict) else ODD
        items = [
            (key, self.value(item, shape.value_type, f"{place}.*")) for key, item in value.items() if item is not None
        ]
        read = {key: item for key, item in items if item is not ODD}
        self._left_out += len(items) - len(read)
        return read


def _check(value: Mapping[str, Any], read: Any, known: Mapping[str, Member], needed: frozenset[str]) -> None:
    """Raises msgspec.ValidationError: a required member is missing or odd, or a needed one is odd."""
    for name, member in known.items():
        item, found = value.get(name), getattr(read, member.attribute)
        if (member.required and found is None) or (name in needed and item is not None and found != item):
            raise msgspec.ValidationError(f"Object with a missing or odd member - at `$.{name}`")


def _integer(value: Any) -> Any:
    if (isinstance(value, float) and value.is_integer()) or (isinstance(value, str) and _DIGITS.fullmatch(value)):
        value = int(value)
    return value if type(value) is int and value in INT64 else ODD


def _enum(value: Any, shape: inspect.EnumType) -> Any:
    try:
        return shape.cls(value)
    except ValueError:
        return ODD


_READ: dict[type[inspect.Type], Callable[[Reading, Any, Any, str], Any]] = {
    inspect.StructType: Reading.model,
    inspect.ListType: Reading.array,
    inspect.DictType: Reading.map,
    inspect.EnumType: lambda _, value, shape, __: _enum(value, shape),
    inspect.IntType: lambda _, value, __, ___: _integer(value),
    inspect.FloatType: lambda _, value, __, ___: float(value) if type(value) in (int, float) else ODD,
    inspect.StrType: lambda _, value, __, ___: value if isinstance(value, str) else ODD,
    inspect.BoolType: lambda _, value, __, ___: value if isinstance(value, bool) else ODD,
    inspect.AnyType: lambda _, value, __, ___: value,
}


def reads_as(raw: Any, shape: inspect.Type) -> Any:
    """The value that a member of a definition has after it was read of a raw one; None if it cannot be read."""
    read = Reading(keeps_unknown=True).value(raw, shape, "")
    return None if read is ODD else read
