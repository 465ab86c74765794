"""Limits of payloads: what is too large for a record goes to the external storage, what is too large for that fails."""

from __future__ import annotations

import json
from typing import Any

from conductor.testing.model import Refusal, TaskRecord, WorkflowRecord, new_id

_TASK_STORED_ABOVE = 3072 * 1024
_WORKFLOW_STORED_ABOVE = 5120 * 1024
_REFUSED_ABOVE = 10240 * 1024
_DEPTH_RESERVE = 100
_NEVER_DEEP = 200  # with so few brackets there is nothing to check
_PATHS = {
    "inputData": "externalInputPayloadStoragePath",
    "outputData": "externalOutputPayloadStoragePath",
    "input": "externalInputPayloadStoragePath",
    "output": "externalOutputPayloadStoragePath",
}

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def payload_size(payload: Any) -> int:
    """The bytes of a payload as JSON."""
    text = _encode(payload)
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def check_depth(given: Any) -> None:
    """Refuse what is too deep to be written again later, as the server refuses to read it. Refusal 500."""
    wrapped = given
    try:
        text = _encode(given)
        if text.count("{") + text.count("[") < _NEVER_DEEP:
            return
        for _ in range(_DEPTH_RESERVE):
            wrapped = [wrapped]
        _encode(wrapped)
    except RecursionError:
        raise Refusal(500, "JSON parse error: Document nesting depth exceeds the maximum allowed") from None


def limit_task(task: TaskRecord, member: str) -> None:
    """Store inputData or outputData elsewhere, or fail the task, where it is too large."""
    size = payload_size(task.wire[member]) if task.wire[member] else 0
    if size <= _TASK_STORED_ABOVE:
        return
    if size <= _REFUSED_ABOVE:
        _store(task, member)
        return
    task.wire[member] = {}
    task.wire["status"] = "FAILED_WITH_TERMINAL_ERROR"
    task.set_reason(
        f"The payload size: {size} of task: {task.task_id} in workflow: {task.wire['workflowInstanceId']} "
        f" is greater than the permissible limit: {_REFUSED_ABOVE} bytes"
    )


def limit_workflow(workflow: WorkflowRecord, member: str) -> str | None:
    """Store input or output elsewhere; the reason why the workflow cannot go on, when it is too large for that."""
    size = payload_size(workflow.wire[member]) if workflow.wire[member] else 0
    if size <= _WORKFLOW_STORED_ABOVE:
        return None
    if size <= _REFUSED_ABOVE:
        _store(workflow, member)
        return None
    workflow.wire[member] = {}
    return (
        f"The payload size: {size} of workflow: {workflow.workflow_id} "
        f"is greater than the permissible limit: {_REFUSED_ABOVE} bytes"
    )


def _store(record: TaskRecord | WorkflowRecord, member: str) -> None:
    record.stored[member] = record.wire[member]
    record.wire[member] = {}
    record.wire[_PATHS[member]] = f"{new_id()}.json"


def forget_stored(record: TaskRecord | WorkflowRecord, member: str) -> None:
    """The payload is about to be replaced."""
    record.stored.pop(member, None)
    record.wire.pop(_PATHS[member], None)
