"""Calls about the external storage of payloads."""

from __future__ import annotations

from conductor.testing.engine.records.records import Wire, new_id
from conductor.testing.engine.records.refusals import Refusal
from conductor.testing.engine.state.payloads import Urls
from conductor.testing.engine.state.state import State

_PAYLOAD_TYPES = {"WORKFLOW_INPUT", "WORKFLOW_OUTPUT", "TASK_INPUT", "TASK_OUTPUT"}


class Storage:
    """urls: None if clients cannot use the storage."""

    def __init__(self, state: State, urls: Urls | None) -> None:
        self._state = state
        self._urls = urls

    def location(self, path: str, operation: str, payload_type: str) -> Wire:
        """The path, and an address if there is a storage. The server's default storage has no address. Refusal 400."""
        if operation.upper() not in {"READ", "WRITE"} or payload_type.upper() not in _PAYLOAD_TYPES:
            raise Refusal(400, f"Invalid input - Operation: {operation}, PayloadType: {payload_type}")
        if self._urls is None:
            return {"path": f"{path}{new_id()}.json"}
        path = path or f"{new_id()}.json"
        return {"path": path, "uri": self._urls.url(operation.upper(), path)}

    def listens_at(self, origin: str) -> None:
        """origin: the start of the addresses of payloads."""
        if self._urls is not None:
            self._urls.origin = origin

    def read(self, path: str, signature: str | None) -> bytes:
        """The JSON of a payload in the external storage. Refusal 403, 404."""
        with self._state.transaction():
            self._check_signature("READ", path, signature)
            content = self._state.store.payloads.get(path)
        if content is None:
            raise Refusal(404, "There is no payload at this path")
        return content

    def write(self, path: str, signature: str | None, content: str) -> None:
        """Keep the JSON of a payload. Refusal 403."""
        with self._state.transaction():
            self._check_signature("WRITE", path, signature)
            self._state.store.payloads.add(path, content)

    def _check_signature(self, operation: str, path: str, signature: str | None) -> None:
        if self._urls is None or not self._urls.is_signed(operation, path, signature):
            raise Refusal(403, "The signature of this address is not valid")
