"""Stand-ins for classes that msgspec would misread: dataclasses and attrs classes with an ``__init__`` of their own.

Such an ``__init__`` does not take each field as it is: a person wrote it, there is an ``init=False``, an ``InitVar``,
or of attrs a converter, an alias, a field without a type or a default that needs the object. msgspec makes objects
without ``__init__``. A class with a field of such a type counts too, and so does a type of pydantic.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
import typing
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import CodeType, SimpleNamespace
from typing import Any, NotRequired, TypedDict, get_args, get_origin

from conductor.binding.pydantic_types import in_words, is_of_pydantic, name_of
from conductor.binding.type_names import filled, with_arguments, without_names


class StandIn(type):
    """A class that stands in a type for another type, which msgspec would misread. ``original`` is the other one."""

    original: Any

    def __instancecheck__(cls, instance: Any) -> bool:
        return True  # msgspec asks whether the converter of the original made an object of this class


def with_stand_ins(kind: Any, seen: frozenset[Any] = frozenset()) -> Any:
    """The type with a stand-in for each class whose objects only its ``__init__`` can make, and for pydantic's.

    seen: the classes that the type is a part of.
    """
    if is_of_pydantic(kind) or needs_init(kind, seen):
        return StandIn(in_words(kind), (), {"original": kind})
    return with_arguments(kind, lambda each: with_stand_ins(each, seen))


def needs_init(kind: Any, seen: frozenset[Any] = frozenset()) -> bool:
    """Whether only the ``__init__`` of the class can make its objects. seen: the classes that it is a part of."""
    origin = get_origin(kind) or kind
    if not isinstance(origin, type) or origin in seen:
        return False
    attributes = getattr(origin, "__attrs_attrs__", None)
    if attributes is None and not dataclasses.is_dataclass(origin):
        return False
    parameters = inspect.signature(origin).parameters
    if any(each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) for each in parameters.values()):
        return False  # it does not say what it takes
    if _is_written(origin.__init__):  # type: ignore[misc]  # of this class, not of one below it
        return True
    if attributes is None:
        if parameters.keys() != {each.name for each in dataclasses.fields(origin)}:
            return True
    elif any(map(_is_for_init, attributes)):
        return True
    with suppress(Exception):  # msgspec says what is wrong with the annotations
        return any(with_stand_ins(each, seen | {origin}) is not each for each in _hints(kind).values())
    return False


def _is_written(init: Any) -> bool:
    """Whether a person wrote this ``__init__``. The libraries compile theirs from texts, which have no file."""
    code: CodeType | None = getattr(init, "__code__", None)
    return code is not None and not code.co_filename.startswith(("<string>", "<attrs generated"))


def _is_for_init(attribute: Any) -> bool:
    """Whether msgspec would read this attribute of attrs in another way than ``__init__``, or not at all."""
    needs_object: bool = getattr(attribute.default, "takes_self", False)
    is_read = attribute.init and attribute.type is not None and attribute.alias == attribute.name
    return not is_read or needs_object or bool(attribute.converter)


def _hints(kind: Any) -> dict[str, Any]:
    """The types of the arguments that make an object of the class."""
    origin = get_origin(kind) or kind
    if issubclass(origin, tuple):  # a NamedTuple
        return typing.get_type_hints(origin, include_extras=True)
    return _evaluated(inspect.get_annotations(origin.__init__), kind)


def _evaluated(annotations: Mapping[str, Any], kind: Any) -> dict[str, Any]:
    """The types for annotations of arguments or fields. That of a field is read where its class is."""
    origin = get_origin(kind) or kind
    owners = {name: each for each in reversed(origin.__mro__) for name in inspect.get_annotations(each)}
    owners |= {each.alias: owners.get(each.name, origin) for each in getattr(origin, "__attrs_attrs__", ())}
    given = _type_arguments(kind)
    hints = {}
    for name, annotation in annotations.items():
        owner = owners.get(name, origin)
        it = SimpleNamespace(__annotations__={name: annotation})
        variables = {each.__name__: each for each in getattr(owner, "__parameters__", ())}
        hint = typing.get_type_hints(it, vars(sys.modules[owner.__module__]), variables, include_extras=True)[name]
        hint = without_names(hint.type if isinstance(hint, dataclasses.InitVar) else hint)
        hints[name] = filled(hint, given.get(owner, {}))
    return hints


def _type_arguments(kind: Any) -> dict[type, dict[Any, Any]]:
    """The types for the type variables of a class, and of each class that it inherits from."""
    origin = get_origin(kind) or kind
    given = dict(zip(getattr(origin, "__parameters__", ()), get_args(kind), strict=False))
    found = {origin: given}
    for base in vars(origin).get("__orig_bases__", origin.__bases__):
        for owner, inherited in _type_arguments(base).items():
            found[owner] = {variable: filled(each, given) for variable, each in inherited.items()}
    return found


def shape_of_arguments(kind: Any) -> Any:
    """A TypedDict of the arguments that make an object of the class."""
    hints = _hints(kind)
    members: dict[str, Any] = {}
    for name, parameter in inspect.signature(get_origin(kind) or kind).parameters.items():
        member = with_stand_ins(hints.get(name, Any))
        members[name] = member if parameter.default is parameter.empty else NotRequired[member]
    return TypedDict(name_in_schema(kind), members)  # type: ignore[operator]  # its members are known at run time alone


def shape_of_fields(kind: Any) -> Any:
    """A TypedDict of the fields of an object of the class, as an output has them."""
    origin = get_origin(kind) or kind
    attributes: Sequence[Any] | None = getattr(origin, "__attrs_attrs__", None)
    if attributes is None:
        fields: Sequence[Any] = dataclasses.fields(origin)
    else:
        fields = [each for each in attributes if not each.name.startswith("_")]
    hints = _evaluated({each.name: Any if each.type is None else each.type for each in fields}, kind)
    members: dict[str, Any] = {}
    for each in fields:  # the value of one that is not for __init__ may be in the class alone
        member = with_stand_ins(hints[each.name])
        members[each.name] = member if each.init else NotRequired[member]
    return TypedDict(name_in_schema(kind), members)  # type: ignore[operator]  # as above


def name_in_schema(kind: Any) -> str:
    """The name of a class, and of its type arguments, as msgspec makes such names: ``Box_int_``."""
    arguments = ", ".join(map(name_in_schema, get_args(kind)))
    return re.sub(r"[^\w.-]", "_", f"{name_of(kind)}[{arguments}]" if arguments else name_of(kind))
