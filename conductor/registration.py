"""The task definition that comes with a worker, and its registration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from conductor._arguments import require_instance
from conductor.definitions import Readable, wire_definition
from conductor.errors import ConfigurationError
from conductor.models import SchemaDefType, TaskDef

_FLAG = "True or False"


@dataclass(frozen=True)
class Registration:
    """The task definition of a worker.

    task_def: as on the wire. register: send it before the first poll if the server has none of its name.
    overwrite: send it in any case.
    """

    task_def: dict[str, Any]
    register: bool
    overwrite: bool


def checked_registration(
    task_name: str,
    execute: Callable[..., Any],
    task_def: TaskDef | Readable | None,
    *,
    register: bool,
    overwrite: bool,
    register_schemas: bool,
) -> Registration | None:
    """None without a task_def. ConfigurationError: an option that cannot work, or works only with another one."""
    options = {"register": register, "overwrite": overwrite, "register_schemas": register_schemas}
    for name, value in options.items():
        require_instance(name, value, bool, _FLAG)
    if task_def is None:
        if given := next((name for name, value in options.items() if value), None):
            raise ConfigurationError(f"{given}=True needs task_def, the definition to register")
        return None
    if (overwrite or register_schemas) and not register:
        raise ConfigurationError(f"{'overwrite' if overwrite else 'register_schemas'}=True needs register=True")
    checked = wire_definition("task_def", task_def, TaskDef, default_name=task_name)
    if checked["name"] != task_name:
        raise ConfigurationError(
            f"task_def must be named {task_name!r}, as the worker's task_name is, not {checked['name']!r}"
        )
    if register and (problems := "; ".join(contradictions(checked))):
        raise ConfigurationError(f"task_def contradicts itself: {problems}")
    if register_schemas:
        from conductor.binding.schemas import input_schema, output_schema  # noqa: PLC0415 - not every worker needs them

        schemas = {"input": input_schema(execute), "output": output_schema(execute)}
        named = {f"{part}Schema": _schema_def(f"{task_name}_{part}", data) for part, data in schemas.items()}
        checked = named | {member: value for member, value in checked.items() if value is not None}
    return Registration(checked, register, overwrite)


def contradictions(task_def: Mapping[str, Any]) -> Iterator[str]:
    """The limits of time that are longer than another one around them. A limit of 0 s is none.

    The server takes no such definition. A limit that is left out is not looked at, as its default is the server's.
    """
    for inner_name, outer_name in (
        ("responseTimeoutSeconds", "timeoutSeconds"),
        ("timeoutSeconds", "totalTimeoutSeconds"),
    ):
        inner, outer = seconds_in(task_def, inner_name), seconds_in(task_def, outer_name)
        if 0 < outer < inner:
            yield f"{inner_name}, {inner:g} s, is longer than {outer_name}, {outer:g} s"


def seconds_in(task_def: Mapping[str, Any], member: str) -> float:
    """0 also for a value that is no number."""
    value = task_def.get(member)
    return value if isinstance(value, int | float) else 0


def _schema_def(name: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "version": 1, "type": SchemaDefType.JSON.value, "data": data}
