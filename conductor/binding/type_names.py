"""The types that other names stand for: ``type Lines = list[Line]``, and those of NewType.

msgspec looks through such names, but it knows nothing of an ``__init__`` or of a constraint of pydantic behind them.
pydantic's own aliases stay, because pydantic alone reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, NewType, TypeVar, Union, get_args, get_origin


def without_names(kind: Any, begun: tuple[Any, ...] = ()) -> Any:
    """The type with what each name in it stands for. begun: the aliases that it is a part of."""
    if isinstance(kind, NewType):
        return without_names(kind.__supertype__, begun)
    alias = get_origin(kind) or kind
    if not is_alias(alias):
        return with_arguments(kind, lambda each: without_names(each, begun))
    if is_alias_of_pydantic(alias) or any(alias is each for each in begun):  # msgspec refuses one that holds itself
        return kind
    given = [without_names(each, begun) for each in get_args(kind)]
    parameters = alias.__type_params__
    return filled(without_names(alias.__value__, (*begun, alias)), dict(zip(parameters, given, strict=False)))


def is_alias(kind: Any) -> bool:
    return type(kind).__name__ == "TypeAliasType"  # of typing, or of typing_extensions


def is_alias_of_pydantic(kind: Any) -> bool:
    return is_alias(kind) and str(kind.__module__).startswith("pydantic.")


def with_arguments(kind: Any, change: Callable[[Any], Any]) -> Any:
    """The type with each type that it is made of changed."""
    origin: Any = get_origin(kind)
    arguments = get_args(kind)
    changed = (change(arguments[0]), *arguments[1:]) if origin is Annotated else tuple(map(change, arguments))
    if all(new is old for new, old in zip(changed, arguments, strict=True)):
        return kind
    if origin in (Union, UnionType):
        return reduce(or_, changed)
    return Annotated[changed] if origin is Annotated else origin[changed]


def filled(hint: Any, given: Mapping[Any, Any]) -> Any:
    """The type with its type variables replaced."""
    if isinstance(hint, TypeVar):
        return given.get(hint, hint)
    variables = getattr(hint, "__parameters__", ()) if get_origin(hint) else ()
    return hint[tuple(given.get(each, each) for each in variables)] if variables else hint
