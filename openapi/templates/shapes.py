"""The types of models' members, as msgspec tells them."""

from collections.abc import Mapping
from typing import NamedTuple, cast

import msgspec
from msgspec import inspect

from .base import Definition


class Member(NamedTuple):
    """shape: of a member that may be None, the other type."""

    attribute: str
    shape: inspect.Type
    required: bool


_known: dict[type[msgspec.Struct], Mapping[str, Member]] = {}


def members(shape: inspect.StructType) -> Mapping[str, Member]:
    """By name on the wire."""
    if shape.cls not in _known:
        _known[shape.cls] = {
            field.encode_name: Member(field.name, _without_none(field.type), field.required)
            for field in shape.fields
            if field.name != "unknown_members"
        }
    return _known[shape.cls]


def members_of(model: type[msgspec.Struct]) -> Mapping[str, Member]:
    return _known.get(model) or members(cast("inspect.StructType", inspect.type_info(model)))


def holds_definitions(shape: inspect.Type, seen: set[type]) -> bool:
    """Whether a definition may stand somewhere in it. seen: the models that have been looked at."""
    model = leaf(shape)
    if not isinstance(model, inspect.StructType) or model.cls in seen:
        return False
    seen.add(model.cls)
    inner = members(model).values()
    return issubclass(model.cls, Definition) or any(holds_definitions(member.shape, seen) for member in inner)


def leaf(shape: inspect.Type) -> inspect.Type:
    """What lists and maps, of whatever depth, hold in the end."""
    while isinstance(shape, inspect.ListType | inspect.DictType):
        shape = shape.item_type if isinstance(shape, inspect.ListType) else shape.value_type
    return shape


def _without_none(shape: inspect.Type) -> inspect.Type:
    if isinstance(shape, inspect.UnionType):
        return next(each for each in shape.types if not isinstance(each, inspect.NoneType))
    return shape
