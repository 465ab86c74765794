"""Gives objects of dataclasses their defaults.

An object that msgspec makes has no attribute where a default counts: reading it finds the default in the class. But
msgspec writes the attributes that the object itself has, so a function that returns its input would lose a field.
"""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any, get_origin

from msgspec.inspect import DataclassType, Type

from conductor.binding.type_parts import fields_of_type, types_in


class ClassDefaults:
    """The defaults of all dataclasses that a type is made of."""

    def __init__(self, kind: Type) -> None:
        with_fields = [each for each in types_in(kind) if fields_of_type(each)]
        found = {id(each): _defaults(each.cls) for each in with_fields if isinstance(each, DataclassType)}
        self._of_class = {_class(each): found.get(id(each), {}) for each in with_fields}
        """By class; nothing for a class that has no such defaults."""
        self._deeper = {
            _class(each): [
                field.name  # whose value may hold objects with such defaults
                for field in fields_of_type(each)
                if any(found.get(id(inner)) for inner in types_in(field.type))
            ]
            for each in with_fields
        }
        self.are_missing = any(found.values())
        """Whether objects of the type lack any."""

    def give(self, value: Any) -> None:
        """Give each object in the value its defaults."""
        waiting = [value]
        while waiting:
            each = waiting.pop()
            if isinstance(each, dict):
                waiting += each.values()
            elif isinstance(each, list | tuple | set | frozenset):
                waiting += each
            elif type(each) in self._of_class:
                for name, default in self._of_class[type(each)].items():
                    vars(each).setdefault(name, default)
                waiting += [getattr(each, name) for name in self._deeper[type(each)]]


def _class(kind: Any) -> type:
    """The class of its objects: of ``Box[int]`` it is ``Box``."""
    found: type = get_origin(kind.cls) or kind.cls
    return found


def _defaults(kind: Any) -> dict[str, Any]:
    """The defaults that the class itself holds. With slots, and in attrs, each object has its own."""
    if not dataclasses.is_dataclass(kind := get_origin(kind) or kind):
        return {}
    return {
        field.name: field.default
        for field in dataclasses.fields(kind)
        if field.default is not dataclasses.MISSING and inspect.getattr_static(kind, field.name, None) is field.default
    }
