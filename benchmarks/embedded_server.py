"""The cost of the embedded server: start, stop, task updates per second, memory, and traces that cycles leave behind.

``scripts/bench.sh --embedded-server`` runs it. Prints a table.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from conductor import ApiClient, HttpSettings, TaskDef, TaskExecutor, WorkflowDef, WorkflowExecutor, WorkflowTask
from conductor.testing import DevServer
from conductor.testing.engine import Engine

OWNER = "bench@example.com"


class Sizes(NamedTuple):
    """How often a server starts, how many tasks are updated, and how many workflows end."""

    cycles: int
    updates: int
    finished: int


FULL = Sizes(1_000, 4_000, 100_000)
QUICK = Sizes(10, 200, 500)
"""Shows that the program works. Its figures mean little."""


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def cycles(count: int) -> None:
    starts, stops = [], []
    before = threading.active_count(), descriptors()
    for _ in range(count):
        server = DevServer()
        begin = time.perf_counter()
        server.start()
        started = time.perf_counter()
        server.stop()
        starts.append(started - begin)
        stops.append(time.perf_counter() - started)
    after = threading.active_count(), descriptors()
    for act, times, wanted in (("start", starts, 150), ("stop", stops, 100)):
        print(f"{act}, {count} cycles: median {1000 * statistics.median(times):.1f} ms, ", end="")
        print(f"longest {1000 * max(times):.1f} ms   (wanted: <= {wanted} ms)")
    print(f"threads and descriptors before and after: {before} {after}")


class RawClient:
    """One kept-alive connection without an HTTP library, which would cost more than the server."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.netloc
        self._socket = socket.create_connection((parts.hostname, parts.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        head = f"{method} /api{path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json\r\n"
        self._socket.sendall(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        data = self._socket.recv(1_000_000)
        while b"\r\n\r\n" not in data:
            data += self._socket.recv(1_000_000)
        headers, _, body = data.partition(b"\r\n\r\n")
        length = int(headers.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        while len(body) < length:
            body += self._socket.recv(1_000_000)
        status = headers.partition(b"\r\n")[0].decode()
        if not status.startswith("HTTP/1.1 200 "):
            raise RuntimeError(f"{method} {path}: {status}: {body.decode()}")
        return body


def updates(url: str, count: int) -> None:
    with ApiClient(http_settings=HttpSettings(url)) as api:
        TaskExecutor(api).register_task_defs(TaskDef("t", owner_email=OWNER))
        workflows = WorkflowExecutor(api)
        workflows.register_workflow(WorkflowDef("w", [WorkflowTask("t", "t")], owner_email=OWNER))
        for _ in range(count):
            workflows.start_workflow("w")
    client = RawClient(url)
    tasks: list[dict[str, Any]] = []
    while len(tasks) < count:
        tasks += json.loads(client.request("GET", "/tasks/poll/batch/t?count=500&timeout=0"))
    results = [
        json.dumps(
            {
                "taskId": t["taskId"],
                "workflowInstanceId": t["workflowInstanceId"],
                "status": "COMPLETED",
                "outputData": {"n": 1},
            }
        ).encode()
        for t in tasks
    ]
    begin = time.perf_counter()
    for result in results:
        client.request("POST", "/tasks", result)
    rate = count / (time.perf_counter() - begin)
    print(f"task updates, each ending its workflow: {rate:,.0f}/s   (wanted: >= 3,000/s)")


def memory(finished: int) -> None:
    """Straight at the engine, whose own memory is measured."""
    engine = Engine()
    engine.metadata.register_task_defs([{"name": "t", "ownerEmail": OWNER}])
    step = {"name": "t", "taskReferenceName": "t", "type": "SIMPLE"}
    engine.metadata.update_workflow_defs([{"name": "w", "tasks": [step], "ownerEmail": OWNER, "timeoutSeconds": 0}])
    for number in range(1, finished + 1):
        engine.workflows.start({"name": "w"})
        (task,) = engine.queues.poll("t", "worker", None, 1, 0)
        ids = {"taskId": task["taskId"], "workflowInstanceId": task["workflowInstanceId"]}
        engine.tasks.update(ids | {"status": "COMPLETED", "outputData": {"n": number}})
        if number in (finished // 5, finished):
            megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"peak memory after {number:,} finished workflows, 10,000 kept: {megabytes:.0f} MB")
    engine.close()


def main(sizes: Sizes) -> None:
    cycles(sizes.cycles)
    memory(sizes.finished)
    serve = [sys.executable, "-m", "conductor.testing", "--port", "0"]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        os.sched_setaffinity(server.pid, {0})  # the server on one core
        updates(url, sizes.updates)
        server.terminate()
