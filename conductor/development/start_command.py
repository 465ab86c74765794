"""The command that starts a workflow, with an example of its input."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from conductor.binding.schemas import input_schema
from conductor.errors import ConfigurationError
from conductor.worker import Worker

Wire = Mapping[str, Any]

_INPUT = re.compile(r"\$\{workflow\.input\.([\w-]+)")
_WHOLE_INPUT = re.compile(rf"{_INPUT.pattern}\}}")
_BY_FORMAT = {"date": "2026-01-31", "date-time": "2026-01-31T10:00:00Z", "decimal": "9.90"}
_BY_TYPE = {"integer": 1, "number": 1.5, "boolean": True, "array": [], "object": {}}
_TEXT = "text"
"""The example of an input of which nothing else is known."""


class Shell(msgspec.Struct, frozen=True):
    """The environment in which a command will run.

    server: the URL that ``--server`` needs; None: the environment leads to the server. unwanted: the variables that are
    set, and must not be.
    """

    server: str | None = None
    unwanted: list[str] = []


def start_command(workflow: Wire, workers: Sequence[Worker], shell: Shell) -> str:
    """A line for the shell.

    workflow: a definition as on the wire. The examples have the types of the workers' parameters, as far as these are
    simple.
    """
    parts = ["env"] if shell.unwanted else []
    for name in shell.unwanted:
        parts += ["-u", name]
    parts += ["conductor-worker", "workflow", "start", workflow["name"]]
    if given := example_input(workflow, workers):
        parts += ["--input", msgspec.json.format(msgspec.json.encode(given), indent=0).decode().replace("\n", " ")]
    for task_name, domain in _domains(workflow, workers).items():
        parts += ["--domain", f"{task_name}={domain}"]
    return shlex.join([*parts, *(() if shell.server is None else ("--server", shell.server))])


def example_input(workflow: Wire, workers: Sequence[Worker]) -> dict[str, Any]:
    """An input with a member for each ``${workflow.input.…}`` in the definition."""
    names = _INPUT.findall(msgspec.json.encode(workflow).decode())
    examples: dict[str, Any] = dict.fromkeys([*(workflow.get("inputParameters") or ()), *names], _TEXT)
    return examples | dict(_typed(workflow, workers))


def _domains(workflow: Wire, workers: Sequence[Worker]) -> dict[str, str]:
    """By task name, where every worker of the task polls in a domain. Without it, the task would wait for ever."""
    used = {task["name"] for task in workflow.get("tasks") or ()}
    in_none = {worker.task_name for worker in workers if worker.domain is None}
    return {each.task_name: each.domain for each in workers if each.domain and each.task_name in used - in_none}


def _typed(workflow: Wire, workers: Sequence[Worker]) -> Iterator[tuple[str, Any]]:
    """Examples of the inputs that are as a whole the argument of a worker's function."""
    schemas = {worker.task_name: _properties(worker) for worker in workers}
    for task in workflow.get("tasks") or ():
        properties = schemas.get(task["name"], {})
        for parameter, value in (task.get("inputParameters") or {}).items():
            expression = _WHOLE_INPUT.fullmatch(value) if isinstance(value, str) else None
            if expression and parameter in properties:
                yield expression[1], _example(properties[parameter])


def input_names(worker: Worker) -> list[str]:
    """The members of the input that the function takes by name."""
    return list(_properties(worker))


def _properties(worker: Worker) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = input_schema(worker.execute).get("properties", {})
    except ConfigurationError:  # a type without a schema
        return {}
    return found


def _example(schema: Mapping[str, Any]) -> Any:
    for each in (schema, *schema.get("anyOf", ())):
        known = _BY_FORMAT.get(each.get("format", "")), _BY_TYPE.get(each.get("type", ""))
        for example in known:
            if example is not None:
                return example
    return _TEXT
