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

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from msgspec import inspect

from conductor.binding import iso_times

_TIMES: dict[type[inspect.Type], Callable[[str], Any]] = {
    inspect.DateTimeType: iso_times.read_datetime,
    inspect.DateType: iso_times.read_date,
    inspect.TimeType: iso_times.read_time,
    inspect.TimeDeltaType: iso_times.read_timedelta,
}
NOTHING = object()
"""Stands for a member that is missing. It fits no type."""
_ANY = inspect.AnyType()


def respelt(kind: inspect.Type, value: Any) -> Any:
    """The value for this type, spelt for msgspec. A value that does not fit comes back as it is."""
    if isinstance(value, str):
        return _time(kind, value)
    if isinstance(value, float):
        return _number(kind, value)
    if isinstance(value, list):
        return _array(kind, value)
    return _object(kind, value) if isinstance(value, dict) else value


def members(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    """The types of a union; any other type alone."""
    if isinstance(kind, inspect.Metadata):
        return members(kind.type)
    return kind.types if isinstance(kind, inspect.UnionType) else (kind,)


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


def _array(kind: inspect.Type, values: list[Any]) -> list[Any]:
    for each in members(kind):
        match each:
            case inspect.CollectionType(item_type=inner):
                return [respelt(inner, value) for value in values]
            case inspect.TupleType(item_types=inners):
                return _row(inners, values)
            case inspect.NamedTupleType(fields=fields) | inspect.StructType(fields=fields, array_like=True):
                return _row([field.type for field in fields], values)
    return values


def _row(kinds: Sequence[inspect.Type], values: list[Any]) -> list[Any]:
    return [respelt(kind, value) for kind, value in zip(kinds, values, strict=False)] + values[len(kinds) :]


def _object(kind: inspect.Type, value: dict[Any, Any]) -> Any:
    for each in members(kind):
        match each:
            case inspect.DictType(key_type=key, value_type=inner):
                return {respelt(key, name): respelt(inner, member) for name, member in value.items()}
            case inspect.NamedTupleType(fields=fields):
                return [_field(field, value) for field in fields]
            case inspect.StructType(tag_field=str(tag_field), tag=tag) if value.get(tag_field) != tag:
                pass  # another struct of the union
            case (
                inspect.StructType(fields=fields)
                | inspect.DataclassType(fields=fields)
                | inspect.TypedDictType(fields=fields)
            ):
                kinds = {field.encode_name: field.type for field in fields}
                return {name: respelt(kinds.get(name, _ANY), member) for name, member in value.items()}
    return value


def _field(field: inspect.Field, values: dict[Any, Any]) -> Any:
    missing = NOTHING if field.required else field.default
    return respelt(field.type, values[field.name]) if field.name in values else missing
