"""Reads definitions: structs, mappings as on the wire, JSON as text or in files.

A definition that is not a struct is checked key by key, because a server drops unknown keys and answers 200 (3.32.3).
It is then sent unchanged.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar, cast

import msgspec
from conductor_client import base, lenient, shapes
from msgspec import inspect

from conductor._output import output_data
from conductor.errors import ConfigurationError
from conductor.models import TaskDef, WorkflowDef, WorkflowTask

T = TypeVar("T")

Readable = Mapping[str, Any] | str | os.PathLike[str]
"""A mapping as on the wire, JSON as a text that begins with ``{`` or ``[``, or the path of a file that holds JSON."""

OF_OTHER_SERVERS: dict[type, tuple[str, ...]] = {
    WorkflowDef: ("onStateChange", "overwriteTags", "tags"),  # Orkes
    TaskDef: ("overwriteTags", "tags"),  # Orkes
    WorkflowTask: ("callbackFromWorker",),  # Conductor 2
}
"""Keys that other servers know, and that 3.32.3 ignores."""
INLINE_DEFINITION = "workflowDefinition"
"""The definition of a sub-workflow, or an expression for one. The OpenAPI document leaves its type open."""
MOST_PROBLEMS = 20  # in one error
LONGEST_SHOWN = 200  # characters of a supposed path


@dataclass(frozen=True)
class _Place:
    """The place of a value: a path that begins with the name of an argument, or lies in a file."""

    path: str = ""
    file: str = ""

    def item(self, index: int) -> _Place:
        return _Place(f"{self.path}[{index}]", self.file)

    def problem(self, path: str, problem: str) -> str:
        """The text of an error about the value at a path within this place."""
        return ": ".join(filter(None, (self.file, (self.path + path).removeprefix("."), problem)))


def wire_definitions(name: str, given: Sequence[Any], kind: type[msgspec.Struct]) -> list[dict[str, Any]]:
    """The definitions as plain JSON values. ConfigurationError names the place of a value that is none."""
    found = [
        _checked(place, definition, kind)
        for index, argument in enumerate(given)
        for place, definition in _definitions(name, _Place(name).item(index), argument, kind)
    ]
    if not found:
        raise ConfigurationError(f"{name} must hold at least one definition")
    return found


def wire_definition(
    name: str, given: Any, kind: type[msgspec.Struct], *, default_name: str | None = None
) -> dict[str, Any]:
    """The same for one definition. default_name: the name of a definition that has none."""
    place, definition = _Place(name), given
    if isinstance(given, str | os.PathLike):
        place, definition = _loaded(place, given)
    elif not isinstance(given, Mapping | kind):
        what = f"a {kind.__name__}, a mapping or the path of JSON"
        raise ConfigurationError(f"{name} must be {what}, not {type(given).__name__}")
    if default_name is not None and isinstance(definition, Mapping) and definition.get("name") is None:
        definition = {**definition, "name": default_name}
    return _checked(place, definition, kind)


def read(kind: type[T], text_or_path: str | os.PathLike[str]) -> T:
    """The definition in a text or a file, as a struct. This is the code of ``from_json``."""
    if not isinstance(text_or_path, str | os.PathLike):
        raise ConfigurationError(f"text_or_path must be JSON as a text or a path, not {type(text_or_path).__name__}")
    place, value = _loaded(_Place(), text_or_path)
    shape = inspect.type_info(kind)
    return cast("T", lenient.Reading(keeps_unknown=True).value(_checked(place, value, kind), shape, ""))


base.read_definition = read  # given to the generated structs, which know no errors of this package


def _definitions(name: str, place: _Place, argument: Any, kind: type[Any]) -> Iterator[tuple[_Place, Any]]:
    """The definitions in one argument, with their places."""
    for item_place, item in _items(place, argument):
        if isinstance(item, str | os.PathLike):
            yield from _items(*_loaded(item_place, item))
        elif isinstance(item, Mapping | kind):
            yield item_place, item
        else:
            what = f"{kind.__name__}s, mappings, paths of JSON files or lists of these"
            raise ConfigurationError(f"{name} must be {what}, not {type(item).__name__}")


def _items(place: _Place, value: Any) -> list[tuple[_Place, Any]]:
    if not isinstance(value, list | tuple):
        return [(place, value)]
    return [(place.item(index), each) for index, each in enumerate(value)]


def _loaded(place: _Place, text_or_path: str | os.PathLike[str]) -> tuple[_Place, Any]:
    """The JSON value of a text or a file, and its place."""
    text = text_or_path.removeprefix("\ufeff") if isinstance(text_or_path, str) else ""
    if not text.lstrip().startswith(("{", "[")):
        path = os.fsdecode(text_or_path)
        place = _Place(file=path[:LONGEST_SHOWN])
        try:
            text = text_of(path)
        except ConfigurationError as problem:
            raise ConfigurationError(f"{place.file!r}: {problem}") from None
    try:
        return place, definition_of(text)
    except ConfigurationError as problem:
        raise ConfigurationError(place.problem("", str(problem))) from None


def value_of(text: str) -> Any:
    """The value of a JSON text. ConfigurationError: the line and the column of a fault, or a key that stands twice."""
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError as error:
        problem = f"line {error.lineno}, column {error.colno}: {error.msg}" if text.strip() else "empty"
    except RecursionError:
        problem = "nested too deep"
    except ValueError as error:
        problem = str(error)
    raise ConfigurationError(problem)


def definition_of(text: str) -> Any:
    """The same for the content of a file of definitions. The error says that they are JSON if it is something else."""
    try:
        return value_of(text)
    except ConfigurationError as error:
        if not text.strip() or text.lstrip().startswith(("{", "[")):
            raise
        raise ConfigurationError(f"{error}. Definitions are JSON, and this is none") from None


def text_of(path: str) -> str:
    """The content of a file. ConfigurationError, which does not name the file: there is no text in UTF-8."""
    try:
        with open(path, encoding="utf-8-sig") as file:  # noqa: PTH123 - for a Path, "" is a directory
            return file.read()
    except OSError as error:
        problem = error.strerror
    except UnicodeDecodeError as error:
        problem = f"no text in UTF-8: {error.reason} at byte {error.start}"
    except ValueError:  # it holds a null character
        problem = "no path"
    raise ConfigurationError(problem)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} stands twice in one object")
    return found


def _no_constant(constant: str) -> Any:
    raise ValueError(f"{constant} has no JSON form")


_decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


def _checked(place: _Place, definition: Any, kind: type[Any]) -> dict[str, Any]:
    plain: dict[str, Any] = definition  # or else something that JSON can hold, but no definition can be
    if isinstance(definition, Mapping | kind):
        plain = output_data(definition, place.file + place.path)[0]
    checked = definition if isinstance(definition, kind) else plain
    problems = [place.problem(*found) for found in misfits(checked, kind)]
    if not problems:
        return plain
    surplus = [f"and {len(problems) - MOST_PROBLEMS} more"] if len(problems) > MOST_PROBLEMS else []
    raise ConfigurationError("\n".join([*problems[:MOST_PROBLEMS], *surplus]))


@cache
def _shape(kind: type[msgspec.Struct]) -> inspect.Type:
    return inspect.type_info(kind)


def misfits(definition: Any, kind: type[msgspec.Struct]) -> Iterator[tuple[str, str]]:
    """The path and the problem of each value that a definition cannot have.

    Of a struct, the numbers and the members that hold other structs are checked. Its other members may have come from
    a server with other values.
    """
    waiting = [("", definition, _shape(kind))]
    while waiting:
        path, value, shape = waiting.pop()
        if isinstance(shape, inspect.UnionType):  # all are "this, or None"
            shape = next(each for each in shape.types if not isinstance(each, inspect.NoneType))
        if isinstance(value, tuple):
            value = list(value)
        if isinstance(shape, inspect.StructType) and isinstance(value, shape.cls):
            inner = _structs_and_numbers(value, shape)
        elif problem := _misfit(value, shape):
            yield path, problem
            continue
        elif isinstance(shape, inspect.StructType):
            yield from _wrong_keys(path, value, shape)
            known = _members(shape)
            inner = [(f".{key}", each, known[key]) for key, each in value.items() if key in known and each is not None]
            if isinstance(value.get(INLINE_DEFINITION), dict) and INLINE_DEFINITION in known:
                inner.append((f".{INLINE_DEFINITION}", value[INLINE_DEFINITION], _shape(WorkflowDef)))
        elif isinstance(shape, inspect.ListType):
            inner = [(f"[{index}]", each, shape.item_type) for index, each in enumerate(value)]
        elif isinstance(shape, inspect.DictType):
            inner = [(f".{key}", each, shape.value_type) for key, each in value.items()]
        else:
            continue
        waiting += [(path + step, each, of) for step, each, of in reversed(inner)]


def _structs_and_numbers(struct: Any, shape: inspect.StructType) -> list[tuple[str, Any, inspect.Type]]:
    """The members of a struct that hold structs or numbers, by name on the wire, with their types."""
    members = shapes.members(shape).items()
    found = [(f".{name}", getattr(struct, each.attribute), each.shape) for name, each in members]
    given = [each for each in found if each[1] is not None]
    return [each for each in given if _is_number(each[2]) or shapes.holds_definitions(each[2], set())]


def _is_number(shape: inspect.Type) -> bool:
    kinds = shape.types if isinstance(shape, inspect.UnionType) else (shape,)
    return any(isinstance(each, inspect.IntType | inspect.FloatType) for each in kinds)


_EXPECTED: dict[type[inspect.Type], tuple[type | tuple[type, ...], str]] = {
    inspect.StructType: (dict, "an object"),
    inspect.DictType: (dict, "an object"),
    inspect.ListType: (list, "a list"),
    inspect.StrType: (str, "a text"),
    inspect.BoolType: (bool, "true or false"),
    inspect.IntType: ((int, float), "a whole number"),
    inspect.FloatType: ((int, float), "a number"),
}
_NAMES: dict[type, str] = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
_NAMES |= {int: "a number", float: "a number"}


def _misfit(value: Any, shape: inspect.Type) -> str | None:
    """The problem of the value itself, without its members."""
    if isinstance(shape, inspect.EnumType):
        names = [str(member.value) for member in shape.cls]
        return None if value in names else f"must be one of {', '.join(names)}, not {value!r}"
    if type(shape) not in _EXPECTED:
        return None
    kinds, expected = _EXPECTED[type(shape)]
    is_flag = isinstance(value, bool) and kinds is not bool  # a bool is an int in Python, and none in JSON
    is_part = isinstance(value, float) and isinstance(shape, inspect.IntType) and not value.is_integer()
    if isinstance(value, kinds) and not is_flag and not is_part:
        return None
    return f"must be {expected}, not {value if is_part else _NAMES.get(type(value), type(value).__name__)}"


def _members(shape: inspect.StructType) -> dict[str, inspect.Type]:
    return {field.encode_name: field.type for field in shape.fields if field.name != "unknown_members"}


def _wrong_keys(path: str, value: dict[str, Any], shape: inspect.StructType) -> Iterator[tuple[str, str]]:
    """The unknown and the missing keys. A definition inside another one needs no name (3.32.3)."""
    known = {*_members(shape)}
    others = next((keys for kind, keys in OF_OTHER_SERVERS.items() if issubclass(shape.cls, kind)), ())
    for key in value:
        if key not in known and key not in others:
            yield f"{path}.{key}", f"unknown key{_nearest(key, known)}"
    if not path or issubclass(shape.cls, WorkflowTask):
        for field in shape.fields:
            if field.required and value.get(field.encode_name) is None:
                yield f"{path}.{field.encode_name}", "missing"


def _nearest(key: str, known: Iterable[str]) -> str:
    """retry_count is retryCount, written otherwise."""
    by_letters = {each.lower(): each for each in known}
    found = difflib.get_close_matches(key.replace("_", "").replace("-", "").lower(), by_letters, n=1)
    return f"; the nearest known one is {by_letters[found[0]]}" if found else ""
