"""The parts that a type of msgspec is made of: of a union, of a class, of a collection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import inspect

_ANY = inspect.AnyType()


def members(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    """The types of a union; any other type alone."""
    if isinstance(kind, inspect.Metadata):
        return members(kind.type)
    return kind.types if isinstance(kind, inspect.UnionType) else (kind,)


def fields_of_type(kind: inspect.Type) -> tuple[inspect.Field, ...]:
    """The fields of a class; none for another type."""
    fields: tuple[inspect.Field, ...] = getattr(kind, "fields", ())
    return fields


def types_in(kind: inspect.Type) -> Iterator[inspect.Type]:
    """All types that a type is made of. One that contains itself counts once."""
    waiting, seen = [kind], set()
    while waiting:
        for each in members(waiting.pop()):
            if id(each) in seen:
                continue
            seen.add(id(each))
            yield each
            for name in ("item_type", "key_type", "value_type"):
                waiting += filter(None, [getattr(each, name, None)])
            waiting += getattr(each, "item_types", ())
            waiting += [field.type for field in fields_of_type(each)]


def key_type(kind: inspect.Type) -> inspect.Type:
    """The type of the keys of an object."""
    return next((each.key_type for each in members(kind) if isinstance(each, inspect.DictType)), _ANY)


def inner(kind: inspect.Type, step: Any, value: Any) -> inspect.Type:
    """The type of a member or an item of the value."""
    kinds = members(kind)
    for each in kinds:
        if isinstance(value, list):
            if isinstance(each, inspect.CollectionType):
                return each.item_type
            items = _types_of_items(each)
            if step < len(items):
                item: inspect.Type = items[step]
                return item
        elif isinstance(each, inspect.DictType):
            return each.value_type
        elif not _is_other_struct(each, kinds, value):
            for field in fields_of_type(each):
                if step == field.encode_name:
                    return field.type
    # The tag of a struct is no field, and belongs to all structs of a union.
    tags = tuple(each.tag for each in kinds if isinstance(each, inspect.StructType) and each.tag_field == step)
    return inspect.LiteralType(tags) if tags else _ANY


def _types_of_items(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    """The types of the items of an array, if each has its own. Of a class they are its fields."""
    if isinstance(kind, inspect.TupleType):
        return kind.item_types
    is_array = isinstance(kind, inspect.NamedTupleType) or getattr(kind, "array_like", False)
    return tuple(field.type for field in fields_of_type(kind)) if is_array else ()


def _is_other_struct(kind: inspect.Type, kinds: Sequence[inspect.Type], value: dict[Any, Any]) -> bool:
    """Whether the tag in the value is that of another struct of the union."""
    return isinstance(kind, inspect.StructType) and len(kinds) > 1 and value.get(kind.tag_field) != kind.tag
