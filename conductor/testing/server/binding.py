"""Reads the bodies of requests as the server's JSON library, Jackson, reads them. Its errors have the same texts.

The shapes of bodies come from the document that the server serves. Values are converted where Jackson converts them,
as "5" to a number. Members that a class does not have are left out, and so are nulls: the engine has the defaults.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from conductor.testing.engine import Refusal
from conductor.testing.engine.records.json_text import json_error

Binder = Callable[[Any], Any]

_COMMON = "com.netflix.conductor.common."
CLASSES = {
    "string": "java.lang.String",
    "TaskResult": _COMMON + "metadata.tasks.TaskResult",
    "TaskDef": _COMMON + "metadata.tasks.TaskDef",
    "WorkflowDef": _COMMON + "metadata.workflow.WorkflowDef",
    "WorkflowTask": _COMMON + "metadata.workflow.WorkflowTask",
    "StartWorkflowRequest": _COMMON + "metadata.workflow.StartWorkflowRequest",
    "RerunWorkflowRequest": _COMMON + "metadata.workflow.RerunWorkflowRequest",
}
MAP = "java.util.LinkedHashMap<java.lang.String,java.lang.Object>"
_RANGES = {"int": 2**31, "long": 2**63}
_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document of the real server, without the operations that the embedded server does not have."""
    found: dict[str, Any] = json.loads((files("conductor.testing.server") / "api_docs.json").read_text("utf-8"))
    return found


def body_binder(kind: str) -> Binder:
    """kind: the name of a schema, or ``string``, or ``map``. A kind in brackets is a list of them."""
    if kind == "map":
        return _map
    if kind.startswith("["):
        name = kind.strip("[]")
        item = _string if name == "string" else _schema_binder({"$ref": "/" + name})
        binder = _list_binder(item, f"java.util.ArrayList<{CLASSES.get(name, name)}>")
        return lambda value: binder(_without_null(value))
    return _schema_binder({"$ref": "/" + kind})


def _without_null(value: Any) -> Any:
    if isinstance(value, list) and None in value:
        raise Refusal(500, "Cannot invoke a method because an element of the list is null")
    return value


@cache
def _named_binder(name: str) -> Binder:
    schema = document()["components"]["schemas"][name]
    members: dict[str, Binder] = {}
    java_class = CLASSES.get(name, name)
    binder = _object_binder(java_class, members)
    pending = schema["properties"]

    def bind(value: Any) -> Any:  # members are made at the first use, because a class may contain itself
        if not members:
            members.update(
                {each: _schema_binder(pending[each], f"{java_class}${each[0].upper()}{each[1:]}") for each in pending}
            )
        return binder(value)

    return bind


def _schema_binder(schema: dict[str, Any], owner: str = "") -> Binder:
    if "$ref" in schema:
        return _named_binder(schema["$ref"].rpartition("/")[2])
    kind = schema.get("type")
    if "enum" in schema:
        return _enum_binder(tuple(schema["enum"]), owner)
    if kind == "array":
        return _list_binder(_schema_binder(schema["items"]), "java.util.ArrayList<java.lang.Object>")
    if kind == "object" and "additionalProperties" in schema:
        values = schema["additionalProperties"]
        return _map if values is True or values in ({}, {"type": "object"}) else _map_binder(_schema_binder(values))
    if kind == "integer":
        return _integer_binder("int" if schema.get("format") == "int32" else "long")
    return {"string": _string, "boolean": _boolean, "number": _number}.get(str(kind), _anything)


def _object_binder(java_class: str, members: dict[str, Binder]) -> Binder:
    def bind(value: Any) -> Any:
        if type(value) is not dict:
            raise _mismatch(java_class, value)
        return {name: members[name](member) for name, member in value.items() if member is not None and name in members}

    return bind


def _list_binder(item: Binder, java_class: str) -> Binder:
    def bind(value: Any) -> Any:
        if type(value) is not list:
            raise _mismatch(java_class, value)
        return [item(each) for each in value if each is not None]

    return bind


def _map_binder(item: Binder) -> Binder:
    def bind(value: Any) -> Any:
        return {name: None if each is None else item(each) for name, each in _map(value).items()}

    return bind


def _enum_binder(names: Sequence[str], java_class: str) -> Binder:
    def bind(value: Any) -> Any:
        if value not in names:
            shown = f'from String "{value}"' if isinstance(value, str) else _from(value)
            listed = ", ".join(sorted(names))
            raise json_error(
                f"Cannot deserialize value of type `{java_class}` {shown}: "
                f"not one of the values accepted for Enum class: [{listed}]"
            )
        return value

    return bind


def _integer_binder(java_type: str) -> Binder:
    limit = _RANGES[java_type]

    def bind(value: Any) -> Any:
        if type(value) is str:
            if value.strip() and not _INTEGER.fullmatch(value.strip()):
                raise json_error(
                    f'Cannot deserialize value of type `{java_type}` from String "{value}": '
                    f"not a valid `{java_type}` value"
                )
            value = int(value.strip() or 0)
        if type(value) not in (int, float):
            raise _mismatch(java_type, value)
        if not -limit <= value < limit:
            raise json_error(f"Numeric value ({value}) out of range of {java_type}")
        return int(value)

    return bind


def _map(value: Any) -> Any:
    if type(value) is not dict:
        raise _mismatch(MAP, value)
    return value


def _string(value: Any) -> Any:
    if isinstance(value, dict | list):
        raise _mismatch("java.lang.String", value)
    return value if isinstance(value, str) else json.dumps(value)


def _boolean(value: Any) -> Any:
    if isinstance(value, str) and value.strip() in ("true", "false", "True", "False", "TRUE", "FALSE", ""):
        return value.strip().lower() == "true"
    if not isinstance(value, bool | int):
        raise _mismatch("boolean", value)
    return bool(value)


def _number(value: Any) -> Any:
    try:
        number = float("nan") if isinstance(value, bool) else float(value or 0)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise _mismatch("double", value)
    return number


def _anything(value: Any) -> Any:
    return value


def _mismatch(java_type: str, value: Any) -> Refusal:
    return json_error(f"Cannot deserialize value of type `{java_type}` {_from(value)}")


def _from(value: Any) -> str:
    names: dict[type[Any], tuple[str, str]] = {}
    names |= {dict: ("Object", "START_OBJECT"), list: ("Array", "START_ARRAY"), str: ("String", "VALUE_STRING")}
    names |= {int: ("Integer", "VALUE_NUMBER_INT"), float: ("Floating-point", "VALUE_NUMBER_FLOAT")}
    name, token = names.get(type(value), ("Boolean", f"VALUE_{str(value).upper()}"))
    return f"from {name} value (token `JsonToken.{token}`)"
