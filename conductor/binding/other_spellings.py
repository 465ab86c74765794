"""JSON values in another spelling than the one that msgspec reads.

====================  ======================================================  ====================
type                  value                                                   read as
====================  ======================================================  ====================
datetime, date, time  ISO 8601 in any form, such as ``20260102T0304+0100``    the time
timedelta             the same, such as ``P2W``, or Java's ``PT-6H``          the duration
int                   ``3.0``: a whole number, as some languages write it     ``3``
NamedTuple            an object                                               its fields by name
====================  ======================================================  ====================
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from msgspec import inspect

from conductor.binding import iso_times
from conductor.binding.type_parts import inner, key_type, members

_TIMES: dict[type[inspect.Type], Callable[[str], Any]] = {
    inspect.DateTimeType: iso_times.read_datetime,
    inspect.DateType: iso_times.read_date,
    inspect.TimeType: iso_times.read_time,
    inspect.TimeDeltaType: iso_times.read_timedelta,
}
NOTHING = object()
"""Stands for a member that is missing. It fits no type."""


def respelt(kind: inspect.Type, value: Any) -> Any:
    """The value for this type, spelt for msgspec. A value that does not fit comes back as it is."""
    if isinstance(value, str):
        return _time(kind, value)
    if isinstance(value, float):
        return _number(kind, value)
    if isinstance(value, list):
        return [respelt(inner(kind, place, value), each) for place, each in enumerate(value)]
    return _object(kind, value) if isinstance(value, dict) else value


def _time(kind: inspect.Type, text: str) -> Any:
    for each in members(kind):
        if read := _TIMES.get(type(each)):
            with suppress(ValueError, OverflowError):
                return read(text)
    return text


def _number(kind: inspect.Type, number: float) -> Any:
    kinds = members(kind)
    takes_float = any(isinstance(each, inspect.FloatType | inspect.DecimalType) for each in kinds)
    takes_int = any(isinstance(each, inspect.IntType | inspect.EnumType | inspect.LiteralType) for each in kinds)
    return int(number) if takes_int and not takes_float and number.is_integer() else number


def _object(kind: inspect.Type, value: dict[Any, Any]) -> Any:
    for each in members(kind):
        if isinstance(each, inspect.NamedTupleType):
            return [_field(field, value) for field in each.fields]
    keys = key_type(kind)
    spelt = {respelt(keys, name): respelt(inner(kind, name, value), member) for name, member in value.items()}
    return spelt if len(spelt) == len(value) else value  # two spellings of one key would lose a member


def _field(field: inspect.Field, values: dict[Any, Any]) -> Any:
    missing = NOTHING if field.required else field.default
    return respelt(field.type, values[field.name]) if field.name in values else missing
