"""The members that a structure takes from a JSON object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from msgspec import inspect

from conductor.binding.own_init import StandIn, shape_of_arguments, with_stand_ins
from conductor.binding.pydantic_types import content_of, is_of_pydantic
from conductor.binding.type_parts import fields_of_type, members

Fields = Mapping[str, bool]
"""The names of members of an object; whether it needs them."""


def names_of(kind: Any) -> frozenset[str] | None:
    """The names of all members that a structure can take. None if it takes any, or if they are not known."""
    if is_of_pydantic(kind):
        content = content_of(kind)
        return _names_of_pydantic(kind) if content is kind else names_of(content)
    fields = fields_of(kind)
    return None if fields is None else frozenset(fields)


def _names_of_pydantic(kind: Any) -> frozenset[str] | None:
    inner = [each for each in get_args(kind) if each is not NoneType]
    config = getattr(kind, "model_config", {})
    fields = getattr(kind, "model_fields", None)
    if fields is None and len(inner) == 1:  # Model | None
        return names_of(inner[0])
    if fields is None or config.get("extra") == "allow":
        return None
    aliases = [each.validation_alias for each in fields.values() if each.validation_alias is not None]
    if not all(isinstance(each, str) for each in aliases):
        return None  # one of several names, or a place within a member
    return frozenset({*fields, *aliases})


def fields_of(kind: Any) -> Fields | None:
    """The members of a structure. None if it takes members of any name, or if they are not known."""
    if is_of_pydantic(kind):
        content = content_of(kind)
        return _fields_of_pydantic(kind) if content is kind else fields_of(content)
    shapes = [
        each for each in members(inspect.type_info(with_stand_ins(kind))) if not isinstance(each, inspect.NoneType)
    ]
    shape = shapes[0]
    if isinstance(shape, inspect.CustomType) and isinstance(shape.cls, StandIn):
        shape = inspect.type_info(shape_of_arguments(shape.cls.original))
    fields: Iterable[inspect.Field] | None = getattr(shape, "fields", None)
    if len(shapes) > 1 or fields is None:
        return None
    return {each.encode_name: each.required for each in fields}


def _fields_of_pydantic(kind: Any) -> Fields | None:
    """Other fields than those of a plain model may be given in several ways, so they are left to the workflow's run."""
    config = getattr(kind, "model_config", {})
    fields = getattr(kind, "model_fields", None)
    if fields is None or config.get("extra") == "allow" or any(each.validation_alias for each in fields.values()):
        return None
    return {name: each.is_required() for name, each in fields.items()}


def names_of_fields(kind: Any) -> frozenset[str]:
    """The names of a structure's fields. A union has those of each structure in it, and a mapping has none."""
    if is_of_pydantic(kind):
        content = content_of(kind)
        return frozenset(_names_of_fields_of_pydantic(kind)) if content is kind else names_of_fields(content)
    shapes = list(members(inspect.type_info(with_stand_ins(kind))))
    for number, shape in enumerate(shapes):
        if isinstance(shape, inspect.CustomType) and isinstance(shape.cls, StandIn):
            shapes[number] = inspect.type_info(shape_of_arguments(shape.cls.original))
    return frozenset(field.encode_name for shape in shapes for field in fields_of_type(shape))


def _names_of_fields_of_pydantic(kind: Any) -> Iterator[str]:
    origin = get_origin(kind)
    if origin in (Union, UnionType, Annotated):
        for each in get_args(kind)[: 1 if origin is Annotated else None]:
            yield from names_of_fields(each)
    for name, field in getattr(origin or kind, "__pydantic_fields__", {}).items():
        yield name
        alias = field.validation_alias
        yield from (each for each in getattr(alias, "choices", [alias]) if isinstance(each, str))
