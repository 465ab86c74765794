"""Shared by the bare loops: threads that poll, call and post, with nothing around them."""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from assignment import FUNCTIONS, Assignment

assignment = Assignment.read()
execute = FUNCTIONS[assignment.work]


class Connection(ABC):
    """One thread's way to the server."""

    @abstractmethod
    def get(self, path: str) -> bytes: ...

    @abstractmethod
    def post(self, path: str, body: bytes) -> bytes: ...


def result_of(task: dict[str, Any]) -> bytes:
    """Call the function; the JSON of its result."""
    result = {
        "taskId": task["taskId"],
        "workflowInstanceId": task["workflowInstanceId"],
        "status": "COMPLETED",
        "workerId": "bare",
        "outputData": execute(),
    }
    return json.dumps(result).encode()


def poll_path(name: str, count: int) -> str:
    return f"/tasks/poll/batch/{name}?count={count}&timeout=1000&workerid=bare"


def poll_and_update(connection: Connection, name: str) -> None:
    """A batch at a time."""
    path = poll_path(name, assignment.batch)
    while True:
        for task in json.loads(connection.get(path)):
            connection.post("/tasks", result_of(task))


def follow_updates(connection: Connection, name: str) -> None:
    """One task at a time: the answer to a result is the next task."""
    path = poll_path(name, 1)
    while True:
        for task in json.loads(connection.get(path)):
            following = task
            while following:
                answer = connection.post("/tasks/update-v2", result_of(following))
                following = json.loads(answer) if answer else None


def run(connect: Callable[[], Connection], loop: Callable[[Connection, str], None]) -> None:
    """So many threads for each type of task."""
    for name in assignment.task_names:
        for _ in range(assignment.concurrency):
            threading.Thread(target=lambda name: loop(connect(), name), args=(name,)).start()
