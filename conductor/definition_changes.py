"""Compares the definitions of files with those of a server.

A server writes defaults for the members that a definition leaves out. A registered definition replaces the server's as
a whole, with the defaults for all that it leaves out. So a member that only the server has is a difference if its value
is not the default. Its records about a definition, such as ``createTime``, are not compared.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec
from conductor_client import shapes
from msgspec import inspect

from conductor import server_defaults
from conductor.definition_files import FileDefinition
from conductor.definitions import INLINE_DEFINITION, OF_OTHER_SERVERS
from conductor.models import (
    CacheConfig,
    RateLimitConfig,
    SchemaDef,
    SubWorkflowParams,
    TaskDef,
    WorkflowDef,
    WorkflowTask,
)

State = Literal["new", "changed", "same"]
Pair = tuple[Any, Any]
"""A value of the server, and the value in its place in the file."""

_DEFAULTS: dict[type, dict[str, Any]] = {
    TaskDef: server_defaults.TASK_DEF,
    WorkflowDef: server_defaults.WORKFLOW_DEF,
    WorkflowTask: server_defaults.WORKFLOW_TASK,
    SchemaDef: server_defaults.SCHEMA_DEF,
    CacheConfig: server_defaults.CACHE_CONFIG,
    RateLimitConfig: server_defaults.RATE_LIMIT_CONFIG,
}
_TIMES = ("createTime", "updateTime")
_AUTHORS = ("createdBy", "updatedBy")  # of a task definition the server keeps none (3.32.3)
_RECORDS = (*_TIMES, *_AUTHORS, "ownerApp")
"""Members that a server writes, if the file does not set them."""


def change_of(definition: FileDefinition, served: Mapping[str, Any] | None) -> tuple[State, list[str]]:
    """The state of a definition, and the lines of a unified diff, which has none unless the state is ``changed``.

    served: the server's definition of the same name and version, as on the wire; None if it has none.
    """
    if served is None:
        return "new", []
    kind: type[msgspec.Struct] = TaskDef if definition.kind == "task" else WorkflowDef
    before, after = map(_lines, _objects(served, definition.wire, kind))
    if before == after:
        return "same", []
    return "changed", list(difflib.unified_diff(before, after, "the server", definition.file, lineterm=""))


def _lines(value: Any) -> list[str]:
    return json.dumps(value, indent=2, ensure_ascii=False).split("\n")


def _pair(served: Any, wanted: Any, shape: inspect.Type) -> Pair:
    """Both values without their differences in form."""
    if isinstance(shape, inspect.StructType) and isinstance(served, dict) and isinstance(wanted, dict):
        return _objects(served, wanted, shape.cls)
    if isinstance(shape, inspect.ListType) and isinstance(served, list) and isinstance(wanted, list):
        return _lists(served, wanted, shape.item_type)
    if isinstance(shape, inspect.DictType) and isinstance(served, dict) and isinstance(wanted, dict):
        keys = [*wanted, *(key for key in served if key not in wanted)]
        pairs = {key: _pair(served.get(key, {}), wanted.get(key, {}), shape.value_type) for key in keys}
        return {key: pairs[key][0] for key in keys if key in served}, {key: pairs[key][1] for key in wanted}
    if isinstance(shape, inspect.IntType) and isinstance(wanted, float):
        wanted = int(wanted)
    return _ordered(served, wanted), wanted


def _objects(served: Mapping[str, Any], wanted: Mapping[str, Any], kind: type[Any]) -> Pair:
    """The members of a definition that are compared.

    Left out are members that the file does not set and that are the server's records or defaults, and members that a
    server would not keep.
    """
    ignored = {*_TIMES, *(_AUTHORS if kind is TaskDef else ())}
    ignored |= {key for key in OF_OTHER_SERVERS.get(kind, ()) if key not in served}
    if kind is SubWorkflowParams and isinstance(wanted.get(INLINE_DEFINITION), dict):
        ignored |= {"name", "version"}  # the server takes them from the inline definition (3.32.3)
    defaults, known = _DEFAULTS.get(kind, {}), shapes.members_of(kind)
    before, after = {}, {}
    for key, value in wanted.items():
        if value is None or key in ignored:
            continue
        found = served.get(key)
        if found is None:
            found = value if value in ([], {}) else defaults.get(key)
        before[key], after[key] = _pair(found, value, _shape_of(key, value, known))
        if found is None:
            del before[key]
    for key, value in served.items():
        if key in after or key in ignored or key in _RECORDS or value == defaults.get(key):
            continue
        before[key] = _pair(value, type(value)(), _shape_of(key, value, known))[0] if value else value
    return before, after


def _shape_of(key: str, value: Any, known: Mapping[str, shapes.Member]) -> inspect.Type:
    if key == INLINE_DEFINITION and isinstance(value, dict):
        return inspect.type_info(WorkflowDef)
    return known[key].shape if key in known else inspect.AnyType()


def _lists(served: list[Any], wanted: list[Any], shape: inspect.Type) -> Pair:
    """Tasks are compared with those of the same reference name, and other items with those in the same place."""
    before = dict(_named(served))
    after = dict(_named(wanted))
    names = [*after, *(name for name in before if name not in after)]
    pairs = {name: _pair(before.get(name, {}), after.get(name, {}), shape) for name in names}
    return [pairs[name][0] for name in before], [pairs[name][1] for name in after]


def _named(items: list[Any]) -> Iterable[tuple[object, Any]]:
    """The items with their names, each of which is there once."""
    seen = set()
    for index, item in enumerate(items):
        name = item.get("taskReferenceName") if isinstance(item, dict) else None
        unique = name if isinstance(name, str) and name not in seen else index
        seen.add(unique)
        yield unique, item


def _ordered(served: Any, wanted: Any) -> Any:
    """The served value with the keys of its objects in the order of the other one."""
    if isinstance(served, dict) and isinstance(wanted, dict):
        keys = [*(key for key in wanted if key in served), *(key for key in served if key not in wanted)]
        return {key: _ordered(served[key], wanted.get(key)) for key in keys}
    if isinstance(served, list) and isinstance(wanted, list):
        partners = [*wanted, *[None] * len(served)]
        return [_ordered(each, partner) for each, partner in zip(served, partners, strict=False)]
    return served
