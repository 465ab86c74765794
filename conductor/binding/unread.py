"""Refuses types that would be read without a part of what they say.

A constraint of pydantic counts where pydantic reads the type, but msgspec alone reads the fields of a Struct, a
TypedDict and a NamedTuple, and makes objects there without ``__init__``. A constraint of msgspec does not count where
pydantic reads.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from contextlib import suppress
from inspect import formatannotation
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from conductor.binding.own_init import needs_init
from conductor.binding.pydantic_types import is_constraint, is_of_pydantic
from conductor.binding.type_names import without_names
from conductor.errors import ConfigurationError

_LIMITS = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length")
_CONSTRAINTS = (*_LIMITS, "pattern", "tz")
_IN_PLACE = "A dataclass in place of the Struct, TypedDict or NamedTuple is read as a whole"


def require_all_read(kind: Any) -> None:
    """ConfigurationError: nothing would check a constraint or call an ``__init__``, or msgspec cannot hold a union."""
    by_pydantic = is_of_pydantic(kind)
    parts = [*_parts(kind, set())]
    for each, is_in_msgspecs in parts:
        if by_pydantic and any(_is_of_msgspec(extra, _CONSTRAINTS) for extra in _extras(each)):
            _refuse(kind, f"pydantic does not check {formatannotation(each)}. Use pydantic.Field")
        if not by_pydantic and is_in_msgspecs and any(map(_is_of_pydantic, _extras(each))):
            _refuse(kind, f"msgspec does not check {formatannotation(each)}. Use msgspec.Meta. {_IN_PLACE}")
        if not by_pydantic and _is_broken(each):
            # msgspec 0.22 takes the limit for the length of the tuple, and may end the process.
            _refuse(kind, f"msgspec cannot hold a tuple beside a type with a limit: {formatannotation(each)}")
    for each, is_in_msgspecs in parts:
        if not by_pydantic and is_in_msgspecs and needs_init(each):
            _refuse(kind, f"msgspec makes {formatannotation(each)} without its __init__. {_IN_PLACE}")


def _refuse(kind: Any, problem: str) -> None:
    raise ConfigurationError(f"JSON cannot be read as {formatannotation(kind)}: {problem}")


def _parts(kind: Any, seen: set[Any], *, is_in_msgspecs: bool = False) -> Iterator[tuple[Any, bool]]:
    """All types that a type is made of, and whether each is in a class whose fields msgspec alone reads."""
    yield kind, is_in_msgspecs
    origin = get_origin(kind) or kind
    arguments = get_args(kind)
    for each in arguments[:1] if origin is Annotated else arguments:
        yield from _parts(each, seen, is_in_msgspecs=is_in_msgspecs)
    is_msgspecs = isinstance(origin, type) and _is_msgspecs(origin)
    if not is_msgspecs and not dataclasses.is_dataclass(origin) and not getattr(origin, "__attrs_attrs__", None):
        return
    is_in_msgspecs = is_in_msgspecs or is_msgspecs
    if (origin, is_in_msgspecs) in seen:
        return
    seen.add((origin, is_in_msgspecs))
    hints: list[Any] = []
    with suppress(Exception):  # msgspec says what is wrong with the annotations
        found = typing.get_type_hints(origin, include_extras=True)
        hints = [without_names(each) for each in found.values()]
    for each in hints:
        if is_in_msgspecs or not is_of_pydantic(each):  # else pydantic reads it, and it is looked at then
            yield from _parts(each, seen, is_in_msgspecs=is_in_msgspecs)


def _is_msgspecs(kind: type) -> bool:
    is_typed_dict = issubclass(kind, dict) and getattr(kind, "__total__", None) is not None
    return is_typed_dict or issubclass(kind, msgspec.Struct) or (issubclass(kind, tuple) and "_fields" in vars(kind))


def _extras(kind: Any) -> tuple[Any, ...]:
    return get_args(kind)[1:] if get_origin(kind) is Annotated else ()


def _is_of_pydantic(extra: Any) -> bool:
    return is_constraint(extra) and bool(getattr(extra, "metadata", True))  # a pydantic.Field may only describe


def _is_of_msgspec(extra: Any, names: tuple[str, ...]) -> bool:
    return isinstance(extra, msgspec.Meta) and any(getattr(extra, name) is not None for name in names)


def _is_broken(kind: Any) -> bool:
    """Whether it is a union of a tuple of a fixed length and a type with a limit."""
    if get_origin(kind) not in (Union, UnionType):
        return False
    alternatives = [*_alternatives(kind, ())]
    has_tuple = any(get_origin(each) is tuple and Ellipsis not in get_args(each) for each, _ in alternatives)
    return has_tuple and any(_is_of_msgspec(extra, _LIMITS) for _, extras in alternatives for extra in extras)


def _alternatives(kind: Any, extras: tuple[Any, ...]) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    if get_origin(kind) is Annotated:
        yield from _alternatives(get_args(kind)[0], (*extras, *_extras(kind)))
    elif get_origin(kind) in (Union, UnionType):
        for each in get_args(kind):
            yield from _alternatives(each, extras)
    else:
        yield kind, extras
