"""JSON Schemas of the input and the output of a worker function, from its type hints.

=========================================  =============================================================================
type hint                                  JSON Schema
=========================================  =============================================================================
parameters                                 an object with a property for each; required if there is no default
one parameter, which is a structure        the structure itself, as it takes the whole input. (An input may also hold
                                           it as a member of the parameter's name. The schema does not tell this.)
``**more: int``                            ``additionalProperties``; with ``Unpack`` the properties of the TypedDict
a Task or TaskContext                      left out, because it is not taken from the input
return type that is a structure            the structure itself
any other return type                      ``{"result": …}``, as such an output is sent
no type hint, ``Any``                      anything; as a return type, any object
=========================================  =============================================================================

A structure is a type that JSON writes as an object: a mapping, a dataclass, a TypedDict, or a class of msgspec, attrs
or pydantic. A NamedTuple is one, too, except within other types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from operator import or_
from types import NoneType, UnionType
from typing import Annotated, Any, Never, NoReturn, TypeVar, Union, Unpack, get_args, get_origin

from conductor import models
from conductor._arguments import function_name
from conductor.binding.bind import OfInput, Whole, sources_of
from conductor.binding.convert import is_structure
from conductor.binding.parameters import NO_DEFAULT, Parameter, read_return_type
from conductor.binding.type_schemas import Member, Schema, TypeSchemas, is_a
from conductor.errors import ConfigurationError

_UNKNOWN_OUTPUTS = (Any, object, Never, NoReturn)


def input_schema(function: Callable[..., Any]) -> Schema:
    """The JSON Schema (draft 2020-12) of the input that a worker function takes.

    ConfigurationError names a parameter with a type that has no JSON Schema.
    """
    _require_function(function)
    sources = [each for each in sources_of(function) if isinstance(each, OfInput)]
    parameters = [each.parameter for each in sources]
    description = TypeSchemas("validation")
    members = [_member_of(each) for each in parameters if each.others is None]
    if any(isinstance(each, Whole) for each in sources):
        return description.document(_any_of(list(_whole_inputs(members[0], description))))
    schema = description.object_of(members)
    for rest in parameters:
        if rest.others is not None and rest.annotation is not Any:
            _add_rest(schema, _member_of(rest), description)
    return description.document(schema)


def output_schema(function: Callable[..., Any]) -> Schema:
    """The JSON Schema (draft 2020-12) of the output that a worker function gives.

    ConfigurationError: the return type has no JSON Schema.
    """
    _require_function(function)
    try:
        types = list(_alternatives(read_return_type(function)))
    except ConfigurationError as error:
        raise ConfigurationError(f"{function_name(function)} {error}") from error
    description = TypeSchemas("serialization")
    if any(each in _UNKNOWN_OUTPUTS or isinstance(each, TypeVar) or is_a(models.TaskResult, each) for each in types):
        return description.document({"type": "object"})
    wholes = [each for each in types if _is_structure(each)]
    results = [each for each in types if each not in wholes and each is not NoneType]
    found = [description.structure(Member("", each, NO_DEFAULT, "the return type")) for each in wholes]
    if results:
        result = Member("result", reduce(or_, results), NO_DEFAULT, "the return type")
        found.append(description.object_of([result]))
    if NoneType in types:
        found.append({"type": "object", "maxProperties": 0})
    return description.document(_any_of(found))


def _member_of(parameter: Parameter) -> Member:
    return Member(parameter.name, parameter.annotation, parameter.default, f"parameter {parameter.name!r}")


def _whole_inputs(member: Member, description: TypeSchemas) -> Iterable[Schema]:
    for each in _alternatives(member.annotation):
        if _is_structure(each):
            yield description.structure(member._replace(annotation=each))
    if member.default is not NO_DEFAULT:
        yield {"type": "object", "maxProperties": 0}


def _add_rest(schema: Schema, rest: Member, description: TypeSchemas) -> None:
    """Add the members that ``**rest`` takes to the schema of an object."""
    if get_origin(rest.annotation) is not Unpack:
        schema["additionalProperties"] = description.object_of([rest])["properties"][rest.name]
        return
    together = description.resolved(description.structure(rest._replace(annotation=get_args(rest.annotation)[0])))
    schema["properties"] = schema.get("properties", {}) | together.get("properties", {})
    schema["required"] = [*schema.get("required", []), *together.get("required", [])]


def _any_of(found: list[Schema]) -> Schema:
    return found[0] if len(found) == 1 else {"anyOf": found}


def _alternatives(annotation: Any) -> Iterable[Any]:
    """The types of a union; else the type alone. A structure stands without what ``Annotated`` adds to it."""
    if get_origin(annotation) is Annotated and _is_structure(annotation):
        yield from _alternatives(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for each in get_args(annotation):
            yield from _alternatives(each)
    else:
        yield annotation


def _is_structure(kind: Any) -> bool:
    try:
        return is_structure(kind)
    except Exception:  # noqa: BLE001 - the hints of a class are evaluated, and may raise any error; found again later
        return False


def _require_function(function: object) -> None:
    if not callable(function):
        raise ConfigurationError(f"function must be callable, not {function!r}")
