"""Dataclasses and attrs classes whose objects only their own ``__init__`` can make. msgspec makes objects without it.

``__init__`` of such a class does not take each field as it is: there is an ``init=False``, an ``InitVar``, a converter
or an alias of attrs. A class with a field of such a type counts too, and so does one with a field that pydantic
validates.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import typing
from collections.abc import Callable
from contextlib import suppress
from functools import reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from conductor.binding.misfit import DoesNotFitError, of_check, path_step, word_for
from conductor.binding.other_spellings import NOTHING
from conductor.binding.pydantic_types import is_of_pydantic

Converter = Callable[[Any], Any]


class StandIn(type):
    """A class that stands in a type for another one, which msgspec would misread. ``original`` is the other one."""

    original: type

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls.original)


def with_stand_ins(kind: Any) -> Any:
    """The type with a stand-in for each class whose objects only its ``__init__`` can make."""
    if isinstance(kind, type) and get_origin(kind) is None:
        return StandIn(kind.__name__, (), {"original": kind}) if _needs_init(kind, frozenset()) else kind
    arguments = get_args(kind)
    replaced = tuple(map(with_stand_ins, arguments))
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
        return any(_holds(each, seen | {kind}) for each in _hints(kind).values())
    return False


def _holds(hint: Any, seen: frozenset[Any]) -> bool:
    if is_of_pydantic(hint):
        return True
    if isinstance(hint, type) and get_origin(hint) is None:
        return _needs_init(hint, seen)
    return any(_holds(each, seen) for each in get_args(hint))


def _hints(kind: Any) -> dict[str, Any]:
    """The types that ``__init__`` takes."""
    hints = typing.get_type_hints(kind.__init__, vars(sys.modules[kind.__module__]), include_extras=True)
    return {name: each.type if isinstance(each, dataclasses.InitVar) else each for name, each in hints.items()}


def init_parameters(kind: Any) -> list[inspect.Parameter]:
    """The parameters of the class's ``__init__``. Their annotations are types."""
    hints = _hints(kind)
    parameters = inspect.signature(kind).parameters.values()
    return [each.replace(annotation=hints.get(each.name, Any)) for each in parameters]


class OwnInit:
    """Makes objects of a class from JSON objects, with its ``__init__``."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind
        self._parameters = inspect.signature(kind).parameters
        self._converters: dict[str, Converter] = {}

    def prepare(self, converter: Callable[[Any], Converter]) -> None:
        """Must be called once. It is not part of the constructor, because a class may hold itself."""
        hints = _hints(self._kind)
        self._converters = {name: converter(hints.get(name, Any)) for name in self._parameters}

    def convert(self, value: Any) -> Any:
        """The object. DoesNotFitError as any converter raises it."""
        if not isinstance(value, dict):
            raise DoesNotFitError("$", self._kind.__name__, word_for(value))
        values = {name: self._member(name, value) for name in self._parameters if self._is_given(name, value)}
        try:
            return self._kind(**values)
        except (ValueError, TypeError) as error:
            raise of_check("$", error) from None

    def _is_given(self, name: str, value: dict[str, Any]) -> bool:
        return name in value or self._parameters[name].default is inspect.Parameter.empty

    def _member(self, name: str, value: dict[str, Any]) -> Any:
        member = value.get(name, NOTHING)
        try:
            converted = self._converters[name](member)
        except DoesNotFitError as problem:
            raise problem.below(f"${path_step(name)}") from None
        if converted is NOTHING:
            raise DoesNotFitError(f"${path_step(name)}", "a value", "nothing")
        return converted
