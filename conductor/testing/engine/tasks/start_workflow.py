"""START_WORKFLOW: starts another workflow, and does not wait for its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conductor.testing.engine.records.records import TaskRecord, Wire
from conductor.testing.engine.records.refusals import Refusal
from conductor.testing.engine.tasks.kind import EngineTask, Making, Run
from conductor.testing.engine.tasks.outcome import FAILED, Outcome, end_with, fail

PARAMETER = "startWorkflow"
"""The input with the request, a StartWorkflowRequest."""
_OBJECTS = ("input", "taskToDomain", "workflowDef")
_NUMBERS = ("version", "priority")


class StartWorkflow(EngineTask):
    """The output has the id of the workflow."""

    def make(self, making: Making, step: Wire, retry_count: int) -> list[TaskRecord]:
        return [making.delayed(step, retry_count)]

    def execute(self, run: Run, task: TaskRecord) -> bool:
        if task.status == "SCHEDULED" and run.making.now_ms < task.begins_at:
            return False
        task.wire.update(startTime=run.making.now_ms, pollCount=task.wire["pollCount"] + 1)
        given = task.input.get(PARAMETER)
        if given is None:
            return fail(task, f"Missing '{PARAMETER}' in input data.")
        try:
            request = _request_of(given)
        except (TypeError, ValueError) as error:
            return fail(task, f"Error reading StartWorkflowRequest. {error}")
        problems = list(_problems(request))
        if problems:
            return fail(task, f"{PARAMETER} validation failed. {''.join(problems)}")
        if not (request.get("correlationId") or "").strip():
            request["correlationId"] = run.workflow.wire.get("correlationId")
        request["taskToDomain"] = request.get("taskToDomain") or run.workflow.wire["taskToDomain"]
        try:
            started = run.start(request)
        except Refusal as refusal:
            return end_with(task, Outcome(FAILED, {}, _reason(refusal)))
        return end_with(task, Outcome("COMPLETED", {"workflowId": started.workflow_id}))


def _request_of(given: Any) -> Wire:
    """The request, with numbers as numbers. TypeError, ValueError: it is none."""
    if not isinstance(given, dict):
        raise TypeError(f"It must be an object, not {given!r}")
    for member in _OBJECTS:
        if not isinstance(given.get(member), dict | None):
            raise TypeError(f"{member} must be an object")
    for member in ("name", "correlationId"):
        if not isinstance(given.get(member), str | None):
            raise TypeError(f"{member} must be a text")
    numbers = {member: int(given[member]) for member in _NUMBERS if given.get(member) is not None}
    return {**given, **numbers}


def _problems(request: Wire) -> Iterator[str]:
    if request.get("name") is None:
        yield "'name' -> Workflow name cannot be null or empty. "
    priority = request.get("priority") or 0
    if not 0 <= priority <= 99:
        limit = "maximum 99" if priority > 0 else "minimum 0"
        yield f"'priority' -> priority: {priority} should be {limit}. "


def _reason(refusal: Refusal) -> str:
    """The text of the server for a definition that is refused, or else that of the refusal."""
    if not refusal.validation_errors:
        return refusal.message
    found = [
        (str(each["path"]).removeprefix(f"{PARAMETER}.arg0."), each["message"]) for each in refusal.validation_errors
    ]
    return f"{PARAMETER} validation failed. " + "".join(f"'{path}' -> {text}. " for path, text in found)
