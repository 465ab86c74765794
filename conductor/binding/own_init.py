"""Stand-ins for classes that msgspec would misread: dataclasses and attrs classes with an ``__init__`` of their own.

``__init__`` of such a class does not take each field as it is: there is an ``init=False``, an ``InitVar``, a converter
or an alias of attrs. msgspec makes objects without ``__init__``. A class with a field of such a type counts too, and so
does a type of pydantic.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import typing
from contextlib import suppress
from functools import reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, NotRequired, TypedDict, Union, get_args, get_origin

from conductor.binding.pydantic_types import is_of_pydantic, name_of


class StandIn(type):
    """A class that stands in a type for another type, which msgspec would misread. ``original`` is the other one."""

    original: Any

    def __instancecheck__(cls, instance: Any) -> bool:
        return True  # msgspec asks whether the converter of the original made an object of this class


def with_stand_ins(kind: Any, seen: frozenset[Any] = frozenset()) -> Any:
    """The type with a stand-in for each class whose objects only its ``__init__`` can make, and for pydantic's.

    seen: the classes that the type is a part of.
    """
    is_class = isinstance(kind, type) and get_origin(kind) is None
    if is_of_pydantic(kind) or (is_class and _needs_init(kind, seen)):
        return StandIn(name_of(kind), (), {"original": kind})
    arguments = () if is_class else get_args(kind)
    replaced = tuple(with_stand_ins(each, seen) for each in arguments)
    if all(new is old for new, old in zip(replaced, arguments, strict=True)):
        return kind
    origin: Any = get_origin(kind)
    if origin in (Union, UnionType):
        return reduce(or_, replaced)
    return Annotated[replaced] if origin is Annotated else origin[replaced]


def _needs_init(kind: Any, seen: frozenset[Any]) -> bool:
    attributes = getattr(kind, "__attrs_attrs__", None)
    if kind in seen or (attributes is None and not dataclasses.is_dataclass(kind)):
        return False
    if attributes is None:
        parameters = inspect.signature(kind).parameters
        if any(each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) for each in parameters.values()):
            return False  # it does not say what it takes
        if parameters.keys() != {each.name for each in dataclasses.fields(kind)}:
            return True
    elif any(each.converter or not each.init or each.alias != each.name for each in attributes):
        return True
    with suppress(Exception):  # msgspec says what is wrong with the annotations
        return any(with_stand_ins(each, seen | {kind}) is not each for each in _hints(kind).values())
    return False


def _hints(kind: Any) -> dict[str, Any]:
    """The types of the arguments that make an object of the class."""
    annotated = kind if issubclass(kind, tuple) else kind.__init__  # tuple: a NamedTuple
    hints = typing.get_type_hints(annotated, vars(sys.modules[kind.__module__]), include_extras=True)
    return {name: each.type if isinstance(each, dataclasses.InitVar) else each for name, each in hints.items()}


def shape_of_arguments(kind: Any) -> Any:
    """A TypedDict of the arguments that make an object of the class."""
    hints = _hints(kind)
    members: dict[str, Any] = {}
    for name, parameter in inspect.signature(kind).parameters.items():
        member = with_stand_ins(hints.get(name, Any))
        members[name] = member if parameter.default is parameter.empty else NotRequired[member]
    return TypedDict(kind.__name__, members)  # type: ignore[operator]  # its members are known at run time alone
