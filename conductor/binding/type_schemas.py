"""JSON Schemas of types."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Literal, NamedTuple, get_type_hints

import msgspec
from msgspec import inspect as shapes

from conductor._output import UnsendableOutput, output_data
from conductor.binding.own_init import StandIn, init_parameters, with_stand_ins
from conductor.binding.parameters import NO_DEFAULT
from conductor.binding.pydantic_types import is_of_pydantic
from conductor.errors import ConfigurationError

Schema = dict[str, Any]
Mode = Literal["validation", "serialization"]
"""pydantic's names for the schemas of an input and of an output."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = "#/$defs/"


class Member(NamedTuple):
    """A property of an object. place: for the text of an error."""

    name: str
    annotation: Any
    default: Any
    place: str


def is_a(kind: type, annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, kind)


class TypeSchemas:
    """Describes types. The schemas of the named types within them are shared, and stand in one place.

    mode: whether the schemas are those of an input or of an output.
    """

    def __init__(self, mode: Mode) -> None:
        self._mode = mode
        self._named: dict[str, Schema] = {}
        self._begun: set[type] = set()  # classes with an __init__ of their own

    def document(self, schema: Schema) -> Schema:
        """The schema of a whole input or output, with the named schemas that it refers to."""
        used: dict[str, Schema] = {}
        waiting = [schema]
        while waiting:
            text = json.dumps(waiting.pop())
            for name in self._named.keys() - used.keys():
                if json.dumps(_REFERENCE + name) in text:
                    used[name] = self._named[name]
                    waiting.append(used[name])
        parts = {"$defs": {name: used[name] for name in sorted(used)}} if used else {}
        return {"$schema": DIALECT, **schema, **parts}

    def structure(self, member: Member) -> Schema:
        """The schema of a type whose value is a JSON object."""
        kind: Any = member.annotation
        if is_a(tuple, kind):  # a NamedTuple, which is an array within other types
            shape: Any = shapes.type_info(kind)
            hints = get_type_hints(kind, include_extras=True)
            fields = [
                Member(each.name, hints[each.name], NO_DEFAULT if each.required else each.default, member.place)
                for each in shape.fields
            ]
            return {"title": kind.__name__, **self.object_of(fields)}
        (schema,) = self._schemas_of([member])
        name = schema.get("$ref", "").removeprefix(_REFERENCE)
        return self._named.get(name, schema)

    def object_of(self, members: list[Member]) -> Schema:
        """The schema of an object with these properties."""
        properties = dict(zip((each.name for each in members), self._schemas_of(members), strict=True))
        for each in members:
            if each.default is not NO_DEFAULT:
                properties[each.name] = {**properties[each.name], **_default(each.default)}
        required = [each.name for each in members if each.default is NO_DEFAULT]
        return {
            "type": "object",
            **({"properties": properties} if properties else {}),
            **({"required": required} if required else {}),
        }

    def _schemas_of(self, members: list[Member]) -> list[Schema]:
        """ConfigurationError names the first member whose type has no JSON Schema."""
        types = [each.annotation for each in members]
        try:
            return self._described(types)
        except Exception:
            for each in members:
                self._must_be_described(each)
            raise

    def _must_be_described(self, member: Member) -> None:
        try:
            self._described([member.annotation])
        except Exception as error:
            lines = (str(error).strip() or type(error).__name__).splitlines()
            reason = lines[-1] if isinstance(error, TypeError) else lines[0]  # msgspec begins with advice
            raise ConfigurationError(f"{member.place} has no JSON Schema: {reason}") from error

    def _described(self, types: list[Any]) -> list[Schema]:
        of_msgspec = [each for each in types if not is_of_pydantic(each)]
        if self._mode == "validation":
            of_msgspec = list(map(with_stand_ins, of_msgspec))
        schemas, named = msgspec.json.schema_components(
            of_msgspec, schema_hook=self._of_other_library, ref_template=f"{_REFERENCE}{{name}}"
        )
        self._add(named)
        rest = iter(schemas)
        return [self._of_pydantic(each) if is_of_pydantic(each) else next(rest) for each in types]

    def _add(self, named: Mapping[str, Schema]) -> None:
        for name, schema in named.items():
            if self._named.setdefault(name, schema) != schema:
                raise ValueError(f"two different types are named {name}")

    def _of_other_library(self, kind: type) -> Schema:
        """The schema of a type that msgspec does not know. msgspec turns NotImplementedError into a TypeError."""
        if isinstance(kind, StandIn):
            return self._of_own_init(kind.original)
        if is_a(PurePath, kind):
            return {"type": "string"}
        if kind is object:
            return {"$comment": "anything"}  # msgspec takes an empty schema for none
        if not is_of_pydantic(kind):
            raise NotImplementedError
        return self._of_pydantic(kind)

    def _of_own_init(self, kind: type) -> Schema:
        """The schema of a class whose input is what its ``__init__`` takes. The class may hold itself."""
        if kind not in self._begun:
            self._begun.add(kind)
            parameters = init_parameters(kind)
            members = [
                Member(each.name, each.annotation, each.default, f"{kind.__name__}.{each.name}") for each in parameters
            ]
            self._add({kind.__name__: {"title": kind.__name__, **self.object_of(members)}})
        return {"$ref": _REFERENCE + kind.__name__}

    def _of_pydantic(self, kind: Any) -> Schema:
        import pydantic  # noqa: PLC0415 - not needed where it is not installed

        prefix = f"{getattr(kind, '__name__', 'pydantic')}."  # a type of msgspec's may have the same name
        schema: Schema = pydantic.TypeAdapter(kind).json_schema(
            by_alias=self._mode == "validation", ref_template=f"{_REFERENCE}{prefix}{{model}}", mode=self._mode
        )
        inner: Mapping[str, Schema] = schema.pop("$defs", {})
        self._add({prefix + name: each for name, each in inner.items()})
        return schema


def _default(value: Any) -> Schema:
    """The member of a schema for a default; none if JSON has no form for it."""
    try:
        return {"default": output_data({"default": value})[0]["default"]}
    except UnsendableOutput:
        return {}
