"""One of the two servers: its requests, and what a workflow on it looks like."""

from __future__ import annotations

import json
from typing import Any, NamedTuple, Self
from urllib.parse import quote, urlencode

import urllib3

from comparison.steps import Json

SECONDS = 30.0


class Answer(NamedTuple):
    status: int
    """0: there was no answer."""
    body: Any

    @property
    def text(self) -> str:
        """A refusal's message with its details, for people."""
        if not isinstance(self.body, dict):
            return str(self.body)
        details = [str(error.get("message")) for error in self.body.get("validationErrors") or ()]
        return "; ".join(details) or str(self.body.get("message", ""))


class Server:
    """The requests to one server. A context manager, which closes the connections."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self._url = url.rstrip("/")
        self._pool = urllib3.PoolManager(retries=False, timeout=SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.clear()

    def call(self, method: str, path: str, body: Any = None, **query: str | int) -> Answer:
        """The answer to a request. A member of the path that is a text of others must be quoted."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/plain"}
        suffix = f"?{urlencode(query)}" if query else ""
        try:
            response = self._pool.request(method, f"{self._url}{path}{suffix}", body=data, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            return Answer(0, f"no answer: {type(error).__name__}")
        text = response.data.decode()
        try:
            return Answer(response.status, json.loads(text))
        except ValueError:
            return Answer(response.status, text)

    def register(self, definition: Json, task_definitions: dict[str, Json]) -> Answer:
        """Register a workflow and its tasks. The answer is the first refusal, or that of the workflow."""
        tasks = self.call("POST", "/metadata/taskdefs", list(task_definitions.values()))
        if tasks.status != 200:
            return tasks
        return self.call("POST", "/metadata/workflow", definition, overwrite="true")

    def start(self, definition: Json, given: Json) -> Answer:
        """Start a workflow. The body of the answer is its id."""
        body = {"name": definition["name"], "version": definition.get("version", 1), "input": given}
        answer = self.call("POST", "/workflow", body)
        return Answer(answer.status, str(answer.body)) if answer.status == 200 else answer

    def workflow(self, workflow_id: str) -> Json:
        answer = self.call("GET", f"/workflow/{workflow_id}", includeTasks="true")
        if answer.status != 200:
            raise LostError(f"{self.name}: GET /workflow/{workflow_id}: {answer.status} {answer.text}")
        found: Json = answer.body
        return found

    def poll(self, task_type: str) -> str | None:
        """The id of the next task of a type, which is then running. None: there is none."""
        path = f"/tasks/poll/batch/{quote(task_type, safe='')}"
        answer = self.call("GET", path, workerid="generic", count=1, timeout=100)
        return answer.body[0]["taskId"] if answer.status == 200 and answer.body else None


class LostError(Exception):
    """A server does not show a workflow that it has started."""
