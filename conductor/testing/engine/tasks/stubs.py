"""Stubs: given answers in place of tasks that the embedded server does not run, or that a test has no worker for."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

from conductor.errors import ConfigurationError, NonRetryableError
from conductor.testing.engine.records.records import TaskRecord, Wire
from conductor.testing.engine.tasks.kind import EngineTask, Making, Run
from conductor.testing.engine.tasks.outcome import FAILED, FAILED_FOR_GOOD, Outcome, end_with

Stub = Mapping[str, Any] | Callable[[dict[str, Any]], Any]
"""The output of a task, or a function of its input that returns the output."""

STRUCTURES = frozenset(
    {"FORK_JOIN", "FORK_JOIN_DYNAMIC", "JOIN", "EXCLUSIVE_JOIN", "SWITCH", "DECISION", "DO_WHILE", "TERMINATE"}
)
"""Types of tasks that decide about other tasks. A stub cannot do that."""


class Stubs:
    """The stubs of a server, by reference name, task name or type of the task. In this order they count."""

    def __init__(self, given: Mapping[str, Stub] | None = None) -> None:
        self._kinds: dict[str, Stubbed] = {}
        for name, stub in (given or {}).items():
            if name in STRUCTURES:
                raise ConfigurationError(f"stubs: {name} decides about other tasks, which a stub cannot do")
            if not (callable(stub) or isinstance(stub, Mapping)):
                raise ConfigurationError(f"stubs: {name!r} must be an output, or a function of the input, not {stub!r}")
            self._kinds[name] = Stubbed(stub)

    def problems(self, step: Wire, where: str) -> list[str]:
        """The problems of a step that has the name of a stub, but cannot have one."""
        if step["type"] not in STRUCTURES:
            return []
        names = dict.fromkeys((step.get("taskReferenceName"), step.get("name")))
        text = f"cannot answer for {where}, which decides about other tasks"
        return [f"the stub {name!r} {text}" for name in names if name in self._kinds]

    def of(self, step: Wire) -> Stubbed | None:
        """The kind of a step that has a stub."""
        if not self._kinds or step.get("type") in STRUCTURES:
            return None
        names = (step.get(member) for member in ("taskReferenceName", "name", "type"))
        return next((self._kinds[name] for name in names if name in self._kinds), None)


class Stubbed(EngineTask):
    """The kind of a task that has a stub."""

    def __init__(self, stub: Stub) -> None:
        self._stub = stub

    def make(self, making: Making, step: Wire, retry_count: int) -> list[TaskRecord]:
        (task,) = super().make(making, step, retry_count)
        if step["type"] in {"SIMPLE", "DYNAMIC"}:
            task.wire["taskType"] = step["name"]
        return [task]

    def execute(self, run: Run, task: TaskRecord) -> bool:
        """End with the answer of the stub, when the delay of a retry is over."""
        if task.status == "SCHEDULED" and run.making.now_ms < task.begins_at:
            return False
        return end_with(task, _answer(self._stub, copy.deepcopy(task.input)))


def _answer(stub: Stub, given: dict[str, Any]) -> Outcome:
    """The end of a task by its stub. An error of a function fails the task, as the error of a worker does."""
    try:
        return Outcome("COMPLETED", _as_json(stub(given) if callable(stub) else stub))
    except Exception as error:  # noqa: BLE001 - it is the user's code
        status = FAILED_FOR_GOOD if isinstance(error, NonRetryableError) else FAILED
        return Outcome(status, {}, f"{type(error).__name__}: {error}")


def _as_json(output: Any) -> dict[str, Any]:
    """The output as a client would send it. TypeError or ValueError: it is no object of JSON."""
    if not isinstance(output, Mapping | None):
        raise TypeError(f"the output of a stub must be an object, not {type(output).__name__}")
    found: dict[str, Any] = json.loads(json.dumps(dict(output or {}), allow_nan=False))
    return found
