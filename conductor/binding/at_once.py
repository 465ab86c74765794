"""Makes all arguments of a function in one step of msgspec, if their types allow that: most calls are this cheap."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import inspect

from conductor.binding.class_defaults import ClassDefaults
from conductor.binding.own_init import with_stand_ins
from conductor.binding.parameters import NO_DEFAULT, Parameter
from conductor.binding.type_parts import types_in

Convert = Callable[[Mapping[str, Any]], tuple[Any, ...]]
"""Makes the values of all parameters of a function in one step, from an object.

It raises ValueError or TypeError for an object that it cannot read; the parameters' own converters read more.
"""


def of_members(parameters: Sequence[Parameter]) -> Convert | None:
    """For an object with a member for each parameter. None if a type needs more than msgspec."""
    fields = [  # a struct cannot have each name that a parameter can have: not __slots__
        (f"_{number}", each.annotation, msgspec.field(name=each.name, **_default(each)))
        for number, each in enumerate(parameters)
    ]
    holder: Any = msgspec.defstruct("Arguments", fields, kw_only=True)
    defaults = _class_defaults(holder, [each.annotation for each in parameters])
    if defaults is None or defaults.are_missing:
        return None
    return lambda members: msgspec.structs.astuple(msgspec.convert(members, holder, str_keys=True))


def of_whole(parameter: Parameter) -> Convert | None:
    """For an object that is the only argument. None if its class needs more than msgspec, or there is a default."""
    kind, name = parameter.annotation, parameter.name
    if not isinstance(kind, type) or parameter.default is not NO_DEFAULT:
        return None
    defaults = _class_defaults(kind, [kind])
    if defaults is None:
        return None

    def convert(members: Mapping[str, Any]) -> tuple[Any]:
        if name in members:
            raise ValueError
        value: Any = msgspec.convert(members, kind, str_keys=True)
        if defaults.are_missing:
            defaults.give(value)
        return (value,)

    return convert


def _class_defaults(holder: Any, kinds: Iterable[Any]) -> ClassDefaults | None:
    """The defaults that msgspec leaves out of the holder of values of these kinds. None if they need more than that."""
    if any(with_stand_ins(each) is not each for each in kinds):
        return None
    found = inspect.type_info(holder)
    if any(isinstance(each, inspect.CustomType | inspect.TimeType) for each in types_in(found)):
        return None
    return ClassDefaults(found)


def _default(parameter: Parameter) -> dict[str, Any]:
    """The arguments of ``msgspec.field`` for a parameter's default."""
    if parameter.default is NO_DEFAULT:
        return {}
    return {"default_factory": lambda: parameter.default}
