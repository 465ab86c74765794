"""Limits of payloads. A large payload is moved to the external storage, and a task with an even larger one fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from conductor.testing.engine.records.json_text import parse_json
from conductor.testing.engine.records.records import TaskRecord, Wire, WorkflowRecord, new_id
from conductor.testing.engine.records.refusals import Refusal
from conductor.testing.engine.records.sizes import as_json, payload_size
from conductor.testing.engine.state.store import Store

_REFUSED_ABOVE = 10240 * 1024
_PATHS = {
    "inputData": "externalInputPayloadStoragePath",
    "outputData": "externalOutputPayloadStoragePath",
    "input": "externalInputPayloadStoragePath",
    "output": "externalOutputPayloadStoragePath",
}


class Urls(Protocol):
    """The addresses of the storage for clients: see payload_storage."""

    origin: str

    def url(self, operation: str, path: str) -> str: ...
    def is_signed(self, operation: str, path: str, signature: str | None) -> bool: ...


@dataclass(frozen=True)
class PayloadOptions:
    """The sizes in bytes above which a payload is moved to the storage. urls: None if clients cannot use it."""

    task_threshold: int = 3072 * 1024
    workflow_threshold: int = 5120 * 1024
    urls: Urls | None = None


class Payloads:
    """Applies the limits. keep: called with the path and the JSON of each payload that is moved, if clients can read
    it.
    """

    def __init__(self, options: PayloadOptions, keep: Callable[[str, str], object]) -> None:
        self._options = options
        self._keep = keep

    def limit_task(self, task: TaskRecord, member: str) -> None:
        """Move inputData or outputData to the storage if it is large. Fail the task if it is too large or too deep."""
        place = f"task: {task.task_id} in workflow: {task.wire['workflowInstanceId']} "
        reason = self._limit(task, member, self._options.task_threshold, place)
        if reason is not None:
            task.wire["status"] = "FAILED_WITH_TERMINAL_ERROR"
            task.set_reason(reason)

    def limit_workflow(self, workflow: WorkflowRecord, member: str) -> str | None:
        """Move a large input or output to the storage. Returns the reason to end the workflow if it is even larger."""
        place = f"workflow: {workflow.workflow_id}"
        return self._limit(workflow, member, self._options.workflow_threshold, place)

    def _limit(self, record: TaskRecord | WorkflowRecord, member: str, threshold: int, place: str) -> str | None:
        """Returns the reason to refuse the payload, which is gone then."""
        payload = record.wire[member]
        size = payload_size(payload) if payload else 0
        if size is not None and size <= max(threshold, _REFUSED_ABOVE):
            if size > threshold:
                self._move(record, member)
            return None
        record.wire[member] = {}
        if size is None:
            return f"The {member} of {place.strip()} is nested too deep"
        return f"The payload size: {size} of {place} is greater than the permissible limit: {_REFUSED_ABOVE} bytes"

    def _move(self, record: TaskRecord | WorkflowRecord, member: str) -> None:
        record.stored[member] = record.wire[member]
        record.wire[member] = {}
        path = record.wire[_PATHS[member]] = f"{new_id()}.json"
        if self._options.urls is not None:
            self._keep(path, as_json(record.stored[member]))


def forget_stored(record: TaskRecord | WorkflowRecord, member: str) -> None:
    """The payload will be replaced."""
    record.stored.pop(member, None)
    record.wire.pop(_PATHS[member], None)


def uploaded(store: Store, path: str) -> Wire:
    """A payload that a client has put into the external storage. Refusal 500: there is none."""
    content = store.payloads.get(path)
    found = None if content is None else parse_json(content)
    if not isinstance(found, dict):
        raise Refusal(500, f"Unable to download payload from external storage path: {path}")
    return found
