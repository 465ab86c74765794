"""JSON Schemas of types."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Literal, NamedTuple

import msgspec

from conductor._output import UnsendableOutput, output_data
from conductor.binding.own_init import StandIn, name_in_schema, shape_of_arguments, shape_of_fields, with_stand_ins
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
        self._begun: set[Any] = set()  # classes with an __init__ of their own

    def document(self, schema: Schema) -> Schema:
        """The schema of a whole input or output, with the named schemas that are referred to."""
        root = self.resolved(schema)
        text = json.dumps([root, self._named])
        named = {name: self._named[name] for name in sorted(self._named) if json.dumps(_REFERENCE + name) in text}
        return {"$schema": DIALECT, **root, **({"$defs": named} if named else {})}

    def structure(self, member: Member) -> Schema:
        """The schema of a type whose value is a JSON object."""
        if is_a(tuple, member.annotation):  # a NamedTuple, which is an array within other types
            member = member._replace(annotation=shape_of_arguments(member.annotation))
        return self._schemas_of([member])[0]

    def resolved(self, schema: Schema) -> Schema:
        """The schema itself in place of a reference to it."""
        return self._named.get(schema.get("$ref", "").removeprefix(_REFERENCE), schema)

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
        schemas, named = msgspec.json.schema_components(
            [with_stand_ins(each) for each in types],
            schema_hook=self._of_other_library,
            ref_template=f"{_REFERENCE}{{name}}",
        )
        self._add(named)
        return list(schemas)

    def _add(self, named: Mapping[str, Schema]) -> None:
        for name, schema in named.items():
            if self._named.setdefault(name, schema) != schema:
                raise ValueError(f"two different types are named {name}")

    def _of_other_library(self, kind: Any) -> Schema:
        """The schema of a type that msgspec does not know. msgspec turns NotImplementedError into a TypeError."""
        original = kind.original if isinstance(kind, StandIn) else kind
        if is_of_pydantic(original):
            return self._of_pydantic(original)
        if isinstance(kind, StandIn):
            return self._of_own_init(original)
        if is_a(PurePath, kind):
            return {"type": "string"}
        if kind is object:
            return {"$comment": "anything"}  # msgspec takes an empty schema for none
        raise NotImplementedError

    def _of_own_init(self, kind: type) -> Schema:
        """The schema of the arguments of its ``__init__``, or of its objects. The class may hold itself."""
        if kind not in self._begun:
            self._begun.add(kind)
            self._described([shape_of_arguments(kind) if self._mode == "validation" else shape_of_fields(kind)])
        return {"$ref": _REFERENCE + name_in_schema(kind)}

    def _of_pydantic(self, kind: Any) -> Schema:
        from pydantic import TypeAdapter, json_schema  # noqa: PLC0415 - not needed where it is not installed

        mode = self._mode

        class Generator(json_schema.GenerateJsonSchema):
            def model_schema(self, schema: Any) -> Schema:
                """As a model is dumped: by the names of its fields, unless its own config asks for aliases."""
                around = self.by_alias
                self.by_alias = mode == "validation" or schema.get("config", {}).get("serialize_by_alias", False)
                try:
                    return super().model_schema(schema)
                finally:
                    self.by_alias = around

        prefix = f"{getattr(kind, '__name__', 'pydantic')}."  # a type of msgspec's may have the same name
        schema: Schema = TypeAdapter(kind).json_schema(
            by_alias=mode == "validation",
            ref_template=f"{_REFERENCE}{prefix}{{model}}",
            schema_generator=Generator,
            mode=mode,
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
