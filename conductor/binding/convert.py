"""Converts JSON values to typed ones, as msgspec does. It also reads further spellings, paths and pydantic's types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import time
from functools import partial
from inspect import formatannotation
from pathlib import PurePath
from typing import Any, get_origin

import msgspec
from msgspec import inspect

from conductor.binding.class_defaults import ClassDefaults
from conductor.binding.misfit import (
    DoesNotFitError,
    find_misfit,
    find_missing,
    find_unhashable,
    of_check,
    path_step,
    word_for,
)
from conductor.binding.other_spellings import respelt
from conductor.binding.own_init import StandIn, shape_of_arguments, with_stand_ins
from conductor.binding.pydantic_types import is_of_pydantic, is_pydantic_structure, pydantic_converter
from conductor.binding.type_names import without_names
from conductor.binding.type_parts import key_type, members, types_in
from conductor.binding.unread import require_all_read
from conductor.errors import ConfigurationError

__all__ = ["Converter", "DoesNotFitError", "convert_object", "converter"]

Converter = Callable[[Any], Any]
_UNHASHABLE = "Expected a hashable value"  # of msgspec 0.23; before, it was a TypeError
_STRUCTURES = (
    inspect.DataclassType,
    inspect.DictType,
    inspect.NamedTupleType,
    inspect.StructType,
    inspect.TypedDictType,
)


def converter(kind: Any) -> Converter:
    """A function that makes a value of the type from a JSON value. It raises DoesNotFitError.

    ConfigurationError if JSON cannot hold a value of the type, or if a name in its annotations is not found.
    """
    try:
        plain = without_names(kind)
    except Exception as error:  # an alias is evaluated now
        raise ConfigurationError(f"JSON cannot be read as {formatannotation(kind)}: {error}") from error
    return _converter(plain, {})


def _converter(kind: Any, begun: dict[type, Converter]) -> Converter:
    """begun: the classes with an ``__init__`` of their own that this converter is a part of."""
    require_all_read(kind)
    if is_of_pydantic(kind):
        return pydantic_converter(kind)
    try:
        # A class is read once. Any other type, such as list[int], would be read anew in each call.
        holder: Any = msgspec.defstruct("Holder", [("value", with_stand_ins(kind))], array_like=True)
        (field,) = inspect.type_info(holder).fields  # type: ignore[attr-defined]  # of a StructType
        if isinstance(field.type, inspect.AnyType):
            return _as_it_is
        found = [each.cls for each in types_in(field.type) if isinstance(each, inspect.CustomType)]
        customs = {each: _custom(each, begun) for each in found}
        _require_keys_of_texts(field.type)
    except Exception as error:  # an annotation may be any object
        raise ConfigurationError(f"JSON cannot be read as {formatannotation(kind)}: {error}") from error

    def hook(custom: Any, value: Any) -> Any:
        return customs[custom](value)

    convert_into = _convert_into(field.type)

    def convert_once(value: Any) -> Any:
        return convert_into((value,), holder, str_keys=True, dec_hook=hook).value

    return _with_defaults(_in_any_spelling(convert_once, field.type), field.type)


def _in_any_spelling(convert_once: Converter, kind: inspect.Type) -> Converter:
    """The converter, also of values in other spellings than msgspec's. It raises DoesNotFitError."""
    has_named_tuple = any(isinstance(each, inspect.NamedTupleType) for each in types_in(kind))

    def convert(value: Any) -> Any:
        try:
            return convert_once(value)
        except (msgspec.ValidationError, TypeError):
            pass  # it may fit in another spelling
        try:
            return convert_respelt(value)
        except RecursionError:
            raise DoesNotFitError("$", "a value that is nested less deeply", word_for(value)) from None

    def convert_respelt(value: Any) -> Any:
        given = respelt(kind, value)
        try:
            converted = convert_once(given)
        except msgspec.ValidationError as error:
            if str(error).startswith(_UNHASHABLE):
                raise find_unhashable(kind, value) from None
            raise find_misfit(kind, value, given, error, convert_once) from None
        except TypeError:
            raise find_unhashable(kind, value) from None
        if has_named_tuple and (missing := find_missing(kind, value)):
            raise missing
        return converted

    return convert


def _convert_into(kind: inspect.Type) -> Callable[..., Any]:
    """The function of msgspec, but not for times: it reads 23:59:59.9999999 as the midnight at the start of the day."""
    has_time = any(isinstance(each, inspect.TimeType) for each in types_in(kind))
    return partial(msgspec.convert, builtin_types=(time,)) if has_time else msgspec.convert


def _with_defaults(convert: Converter, kind: inspect.Type) -> Converter:
    """The converter, also of the defaults that msgspec leaves out of objects."""
    defaults = ClassDefaults(kind)
    if not defaults.are_missing:
        return convert

    def convert_with_defaults(value: Any) -> Any:
        converted = convert(value)
        defaults.give(converted)
        return converted

    return convert_with_defaults


def convert_object(convert: Converter, members: Mapping[str, Any], fields: Iterable[str]) -> Any:
    """Convert an object. Members that are null leave fields their defaults if null does not fit.

    fields: as ``names_of_fields`` gives them. Any other null, such as an entry of a mapping, has no default.
    """
    kept = members
    nulls: dict[str, DoesNotFitError] = {}
    while True:
        try:
            return convert(kept)
        except DoesNotFitError as problem:
            null = next((each for each in fields if f"${path_step(each)}" == problem.path), None)
            if problem.got != "null" or null not in kept:
                raise nulls.get(problem.path, problem) from None
            nulls[problem.path] = problem
            kept = {name: value for name, value in kept.items() if name != null}


def is_structure(kind: Any) -> bool:
    """Whether JSON writes a value of the type as an object: a dataclass, a mapping and so on, also in a union."""
    if is_of_pydantic(kind):
        return is_pydantic_structure(kind)
    return any(map(_is_structure, members(inspect.type_info(with_stand_ins(kind)))))


def _is_structure(kind: inspect.Type) -> bool:
    if isinstance(kind, inspect.CustomType):
        return isinstance(kind.cls, StandIn)
    return isinstance(kind, _STRUCTURES) and not getattr(kind, "array_like", False)


def _custom(kind: Any, begun: dict[type, Converter]) -> Converter:
    """Make a value of a class that msgspec does not know."""
    original = kind.original if isinstance(kind, StandIn) else kind
    if is_of_pydantic(original):
        return _converter(original, begun)
    if isinstance(kind, StandIn):
        return _own_init(original, begun)
    if kind is object:
        return _as_it_is
    if isinstance(kind, type) and issubclass(kind, PurePath):
        return lambda value: _path(kind, value)
    raise TypeError(f"{formatannotation(kind)} has no JSON form")


def _require_keys_of_texts(kind: inspect.Type) -> None:
    """TypeError for a key of a class that msgspec does not know: it would leave such keys as they are."""
    for each in types_in(kind):
        for key in members(key_type(each)):
            if isinstance(key, inspect.CustomType) and key.cls is not object:
                raise TypeError(f"a key cannot have the type {formatannotation(key.cls)}")


def _own_init(kind: type, begun: dict[type, Converter]) -> Converter:
    def convert(value: Any) -> Any:
        given = arguments(value)
        try:
            return kind(**given)
        except (ValueError, TypeError) as error:
            raise _refused_null(kind, given) or of_check("$", error) from None

    if kind not in begun:
        begun[kind] = convert  # before the next line, because a class may hold itself
        arguments = _converter(shape_of_arguments(kind), begun)
    return begun[kind]


def _refused_null(kind: Any, given: Mapping[str, Any]) -> DoesNotFitError | None:
    """The error of a null that a converter of attrs refuses. None unless the object can be made without it."""
    converted = {each.alias for each in getattr(get_origin(kind) or kind, "__attrs_attrs__", ()) if each.converter}
    nulls = [name for name, value in given.items() if value is None and name in converted]
    if not nulls:
        return None
    try:
        kind(**{name: value for name, value in given.items() if name not in nulls})
    except (ValueError, TypeError):
        return None
    return DoesNotFitError(f"${path_step(nulls[0])}", "a value", word_for(None))


def _as_it_is(value: Any) -> Any:
    return value


def _path(kind: type[PurePath], value: Any) -> PurePath:
    if not isinstance(value, str):
        raise DoesNotFitError("$", "a path", word_for(value))
    return kind(value)
