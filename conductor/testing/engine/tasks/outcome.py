"""The end of a task that the engine runs itself."""

from __future__ import annotations

from typing import Any, NamedTuple

from conductor.testing.engine.records.records import TaskRecord

FAILED, FAILED_FOR_GOOD = "FAILED", "FAILED_WITH_TERMINAL_ERROR"


class Outcome(NamedTuple):
    """The end of a task."""

    status: str
    output: dict[str, Any]
    reason: str | None = None


def end_with(task: TaskRecord, outcome: Outcome) -> bool:
    """Put the outcome into the task. Returns True: the task has changed."""
    task.wire.update(status=outcome.status, outputData=outcome.output)
    task.set_reason(outcome.reason)
    return True


def fail(task: TaskRecord, reason: str, status: str = FAILED) -> bool:
    """End the task with the reason, and leave its output as it is. Returns True: the task has changed."""
    task.wire["status"] = status
    task.set_reason(reason)
    return True


def complete(task: TaskRecord) -> bool:
    """End the task, and leave its output as it is. Returns True: the task has changed."""
    task.wire["status"] = "COMPLETED"
    return True
