"""How models become JSON: with all that was read."""

import functools
import operator
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import inspect

from .base import Definition, Model, is_default
from .lenient import reads_as
from .shapes import holds_definitions, leaf, members_of


def encode(body: Any) -> bytes:
    """The JSON of a request's body."""
    return msgspec.json.encode(whole(body))


def whole(value: Any) -> Any:
    """The value with maps in place of those models that carry unknown members, in which these have their places."""
    if isinstance(value, list | tuple):
        items = [whole(item) for item in value]
        return items if any(map(operator.is_not, items, value)) else value
    if isinstance(value, dict):
        mapped = {key: whole(item) for key, item in value.items()}
        return mapped if any(map(operator.is_not, mapped.values(), value.values())) else value
    if not isinstance(value, Model):
        return value
    changed = {}
    for name in _branches(type(value)):
        branch = getattr(value, name)
        if (replaced := whole(branch)) is not branch:
            changed[name] = replaced
    unknown = value.unknown_members if isinstance(value, Definition) else {}
    return _with_unknown(value, changed, unknown) if changed or unknown else value


@functools.cache
def _branches(model: type[Model]) -> list[str]:
    """The attributes that may hold definitions: by their type, or those of a definition that may hold anything."""
    is_definition = issubclass(model, Definition)
    return [
        member.attribute
        for member in members_of(model).values()
        if holds_definitions(member.shape, set()) or (is_definition and isinstance(leaf(member.shape), inspect.AnyType))
    ]


def _with_unknown(model: Model, changed: Mapping[str, Any], unknown: Mapping[str, Any]) -> dict[str, Any]:
    known = {}
    for field in msgspec.structs.fields(model):
        value = getattr(model, field.name)
        if field.name != "unknown_members" and (field.required or not is_default(field, value)):
            known[field.encode_name] = changed.get(field.name, value)
    return known | {name: raw for name, raw in unknown.items() if name not in known or _reads_as_is(model, name, raw)}


def _reads_as_is(model: Model, name: str, raw: Any) -> bool:
    """Whether the member still is what was read of the raw value."""
    member = members_of(type(model))[name]
    return bool(getattr(model, member.attribute) == reads_as(raw, member.shape))
