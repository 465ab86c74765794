"""Conductor's calls for workers: batch poll, poll, update and update-v2. ``GET /stats`` tells what was counted."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable
from functools import partial
from urllib.parse import parse_qs, urlsplit

from benchmarks.server.loop import Connection, Loop
from benchmarks.server.queue import Queue
from benchmarks.server.settings import ServerSettings

TASK_ID = re.compile(rb'"taskId": *"([^"]+)"')
COMPLETED = re.compile(rb'"status": *"COMPLETED"')
STARTED = re.compile(rb'"started": *(\d+)')
JSON = b"HTTP/1.1 200 \r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
TEXT = b"HTTP/1.1 200 \r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: %d\r\n\r\n%b"
ERROR = b"HTTP/1.1 %d \r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
NO_CONTENT = b"HTTP/1.1 204 \r\n\r\n"
LONGEST_WAIT = 5.0
WAIT_WITHOUT_TIMEOUT = 0.1
"""Seconds: Conductor's default for polls, and the time that an update-v2 waits for a next task."""

Route = Callable[[Connection, bytes], None]


class TaskServer:
    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._loop = Loop(self._handle)
        self._send = self._send_later if settings.latency else self._loop.send
        self._open_tasks: dict[bytes, int] = {}
        self._queues = {
            name: Queue(
                number,
                name,
                settings.input_bytes,
                self._open_tasks,
                endless=settings.arrivals is None,
                fill=settings.hold == "fill",
            )
            for number, name in enumerate(settings.task_names)
        }
        self._by_number = list(self._queues.values())
        self._routes: dict[bytes, Route] = {}  # clients repeat themselves: by whole request lines
        self._polled: set[str] = set()
        self._first_poll = 0
        self._requests = self._completed = self._failed = self._unexpected = 0
        self._to_start: list[float] = []
        self._random = random.Random(0)  # noqa: S311 - the same arrivals in each run

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._loop.port}/api"

    def run(self) -> None:
        self._loop.run()

    def _handle(self, connection: Connection, request_line: bytes, body: bytes) -> None:
        route = self._routes.get(request_line)
        if route is None:
            route = self._routes[request_line] = self._route(request_line.decode())
        route(connection, body)

    def _route(self, request_line: str) -> Route:
        method, target, _ = request_line.split(" ")
        url = urlsplit(target)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        match method, url.path.strip("/").split("/"):
            case "GET", ["stats"]:
                return self._stats
            case "GET", ["api", "tasks", "poll", "batch", name] if name in self._queues:
                wait = min(int(query.get("timeout", 1000 * WAIT_WITHOUT_TIMEOUT)) / 1000, LONGEST_WAIT)
                return partial(self._batch_poll, name, int(query.get("count", 1)), wait)
            case "GET", ["api", "tasks", "poll", name] if name in self._queues:
                return partial(self._poll, name)
            case "POST", ["api", "tasks"]:
                return self._update
            case "POST", ["api", "tasks", "update-v2"]:
                if self._settings.update_v2:
                    return self._update_v2
                return partial(self._error, 405, "Request method 'POST' is not supported")
        return partial(self._error, 404, f"No static resource {url.path}.")

    def _batch_poll(self, name: str, count: int, wait: float, connection: Connection, _: bytes) -> None:
        self._note_poll(name)

        def answer(tasks: list[bytes]) -> None:
            body = b"[%b]" % b",".join(tasks)
            self._send(connection, JSON % (len(body), body))

        self._wait_for_tasks(self._queues[name], count, wait, answer)

    def _poll(self, name: str, connection: Connection, _: bytes) -> None:
        self._note_poll(name)
        self._wait_for_tasks(self._queues[name], 1, WAIT_WITHOUT_TIMEOUT, partial(self._answer_one, connection))

    def _note_poll(self, name: str) -> None:
        self._requests += 1
        self._polled.add(name)
        if not self._first_poll:
            self._first_poll = time.time_ns()
            if self._settings.arrivals:
                self._next_arrival(time.monotonic())

    def _wait_for_tasks(self, queue: Queue, count: int, wait: float, answer: Callable[[list[bytes]], None]) -> None:
        poll = queue.poll(count, answer, wait > 0)
        if poll:
            self._loop.at(time.monotonic() + wait, partial(queue.give_up, poll))

    def _answer_one(self, connection: Connection, tasks: list[bytes]) -> None:
        self._send(connection, JSON % (len(tasks[0]), tasks[0]) if tasks else NO_CONTENT)

    def _update(self, connection: Connection, body: bytes) -> None:
        task_id = self._accept(body)
        self._send(connection, TEXT % (len(task_id), task_id))

    def _update_v2(self, connection: Connection, body: bytes) -> None:
        queue = self._by_number[int(self._accept(body).split(b"-")[0])]
        self._wait_for_tasks(queue, 1, WAIT_WITHOUT_TIMEOUT, partial(self._answer_one, connection))

    def _accept(self, body: bytes) -> bytes:
        """Count a result; return the id of its task."""
        self._requests += 1
        match = TASK_ID.search(body)
        task_id = match[1] if match else b"0-none"
        available = self._open_tasks.pop(task_id, None)
        if available is None:
            self._unexpected += 1
        elif not COMPLETED.search(body):
            self._failed += 1
        else:
            self._completed += 1
            if available and (started := STARTED.search(body)):
                self._to_start.append((int(started[1]) - available) / 1e6)
        return task_id

    def _error(self, status: int, message: str, connection: Connection, _: bytes) -> None:
        self._requests += 1
        body = json.dumps({"status": status, "message": message, "instance": "benchmark", "retryable": False}).encode()
        self._send(connection, ERROR % (status, len(body), body))

    def _send_later(self, connection: Connection, data: bytes) -> None:
        self._loop.at(time.monotonic() + self._settings.latency, partial(self._loop.send, connection, data))

    def _next_arrival(self, due: float) -> None:
        """Arrivals are at random, and independent of each other and of the workers."""
        assert self._settings.arrivals is not None
        due += self._random.expovariate(self._settings.arrivals)
        self._loop.at(due, partial(self._arrive, due))

    def _arrive(self, due: float) -> None:
        self._random.choice(self._by_number).add()
        self._next_arrival(due)

    def _stats(self, connection: Connection, _: bytes) -> None:
        """As ``server_process.Stats`` describes them. This request itself is not counted."""
        stats = {
            "at": time.monotonic(),
            "cpu": time.process_time(),
            "requests": self._requests,
            "completed": self._completed,
            "failed": self._failed,
            "unexpected": self._unexpected,
            "types_polled": len(self._polled),
            "first_poll": self._first_poll,
            "to_start": self._to_start,
        }
        self._to_start = []
        body = json.dumps(stats).encode()
        self._loop.send(connection, JSON % (len(body), body))
