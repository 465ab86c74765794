"""Reads the parameters of paths and queries as the server's framework, Spring, does. Errors have the same texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conductor.testing.engine import Refusal

STATUSES = ("IN_PROGRESS", "FAILED", "FAILED_WITH_TERMINAL_ERROR", "COMPLETED", "CANCELED")
STATUS_CLASS = "com.netflix.conductor.common.metadata.tasks.TaskResult$Status"
STRATEGIES = ("TARGET_WORKFLOW", "BLOCKING_WORKFLOW", "BLOCKING_TASK", "BLOCKING_TASK_INPUT")
STRATEGY_CLASS = "org.conductoross.conductor.model.WorkflowSignalReturnStrategy"

_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_HEX = re.compile(r"[+-]?(?:0[xX]|#)[0-9a-fA-F]{1,16}")
_MEMBER = re.compile(r"\[([^\[\]]+)\]")
_FLAGS = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}


@dataclass(frozen=True)
class Parameter:
    """A parameter of the query or the path. kind: converts its text, and raises ValueError with the reason."""

    name: str
    java_type: str = "java.lang.String"
    convert: Callable[[str], Any] = str
    default: Any = None
    required: bool = False

    def read(self, query: Mapping[str, Sequence[str]]) -> Any:
        """Its value in a query."""
        return self.bind(query.get(self.name))

    def bind(self, values: Sequence[str] | None) -> Any:
        if not values:
            if self.required:
                raise Refusal(
                    500, f"Required request parameter '{self.name}' for method parameter type String is not present"
                )
            return self.default
        if self.convert is str:
            return ",".join(values)  # as Spring makes one string of several values
        text = values[0].strip()
        if not text:
            return self.default
        try:
            return self.convert(text)
        except ValueError as error:
            raise Refusal(
                500,
                f"Method parameter '{self.name}': Failed to convert value of type 'java.lang.String' to required type "
                f"'{self.java_type}'; {error}",
            ) from None


@dataclass(frozen=True)
class Members(Parameter):
    """An object whose members are parameters of the query, as in ``taskInput[a]=1``. Their values are texts."""

    def read(self, query: Mapping[str, Sequence[str]]) -> Any:
        found: dict[str, Any] = {}
        for name, values in query.items():
            if not re.match(rf"{re.escape(self.name)}(?!\w)", name):
                continue
            member = _MEMBER.fullmatch(name.removeprefix(self.name))
            if member is None:
                raise Refusal(
                    500, f"Validation failed: Field error on field '{self.name}': rejected value [{','.join(values)}]"
                )
            found[member[1]] = values[0] if len(values) == 1 else list(values)
        return found


def text(name: str, default: str | None = None, *, required: bool = False) -> Parameter:
    return Parameter(name, default=default, required=required)


def members(name: str) -> Parameter:
    return Members(name)


def integer(name: str, default: int | None = None, java_type: str = "int") -> Parameter:
    limit = 2**63 if java_type in ("long", "java.lang.Long") else 2**31

    def convert(given: str) -> int:
        match = _INTEGER.fullmatch(given) or _HEX.fullmatch(given)
        number = int(given.replace("#", "0x"), 0 if _HEX.fullmatch(given) else 10) if match else 2**63
        if not -limit <= number < limit:
            raise ValueError(f'For input string: "{given}"')
        return number

    return Parameter(name, java_type, convert, default)


def flag(name: str, default: bool) -> Parameter:
    def convert(given: str) -> bool:
        found = _FLAGS.get(given.lower())
        if found is None:
            raise ValueError(f"Invalid boolean value [{given}]")
        return found

    return Parameter(name, "boolean", convert, default)


def choice(name: str, java_type: str, names: Sequence[str], annotation: str, default: str | None = None) -> Parameter:
    def convert(given: str) -> str:
        if given not in names:
            raise ValueError(
                f"Failed to convert from type [java.lang.String] to type "
                f"[@org.springframework.web.bind.annotation.{annotation} {java_type}] for value [{given}]"
            )
        return given

    return Parameter(name, java_type, convert, default)


STATUS = choice("status", STATUS_CLASS, STATUSES, "PathVariable")
STRATEGY = choice("returnStrategy", STRATEGY_CLASS, STRATEGIES, "RequestParam", "TARGET_WORKFLOW")
WORKFLOW = text("workflowId")
