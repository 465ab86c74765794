"""Measure the requests of a fleet that one Conductor server with a PostgreSQL database answers on this machine.

scripts/measure_server.py    writes docs/capacity.json

Server, database and this program share the processors. Besides requests per second, the processor time of each request
is measured: that of the server and of the database, without that of this program.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from conductor_cluster import MissingError, Server, cluster

from conductor import (
    ApiClient,
    HttpSettings,
    TaskDef,
    TaskExecutor,
    TaskRunner,
    WorkflowDef,
    WorkflowExecutor,
    WorkflowTask,
)
from conductor.task_client import HttpTaskClient

ROOT = Path(__file__).parent.parent

OUTPUT = ROOT / "docs" / "capacity.json"
IDLE_POLLS = ((50, 1.0), (100, 1.0), (200, 1.0), (400, 1.0), (100, 5.0))
"""How many are open at the same time, and the seconds that each waits."""
SECONDS = 8.0
QUEUED = 1000
CONNECTIONS = 16
TASK_TYPE = "measured"


class Usage(NamedTuple):
    """Processor seconds since the start of the processes."""

    server: float
    database: float

    def __sub__(self, earlier: object) -> Usage:
        assert isinstance(earlier, Usage)
        return Usage(self.server - earlier.server, self.database - earlier.database)


def usage(server: Server) -> Usage:
    """Of the server, and of all PostgreSQL processes on this machine.

    PostgreSQL has a process for each connection. The server keeps its connections, so none of them ends meanwhile.
    """
    database = sum(seconds(entry) for entry in Path("/proc").glob("[0-9]*") if _is_postgresql(entry))
    return Usage(seconds(Path("/proc", str(server.pid))), database)


def seconds(process: Path) -> float:
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _is_postgresql(process: Path) -> bool:
    try:
        return (process / "comm").read_text().strip() == "postgres"
    except OSError:  # it has just ended
        return False


def repeated(connections: int, request: Callable[[int], object]) -> list[float]:
    """Send requests on so many connections for SECONDS. Returns how long each took."""
    end = time.monotonic() + SECONDS

    def on_one(number: int) -> list[float]:
        times = []
        while (began := time.monotonic()) < end:
            request(number)
            times.append(time.monotonic() - began)
        return times

    with ThreadPoolExecutor(connections) as threads:
        return [each for times in threads.map(on_one, range(connections)) for each in times]


def figures(server: Server, requests: Callable[[], int]) -> dict[str, float]:
    """Requests per second, and the milliseconds of processor time for each."""
    before, began = usage(server), time.monotonic()
    count = requests()
    took, used = time.monotonic() - began, usage(server) - before
    return {
        "per_second": round(count / took, 1),
        "server_ms": round(1000 * used.server / count, 2),
        "database_ms": round(1000 * used.database / count, 2),
    }


def idle_polls(server: Server, client: HttpTaskClient) -> Iterator[dict[str, float]]:
    for count, timeout in IDLE_POLLS:
        times: list[float] = []

        def polls(times: list[float] = times, count: int = count, timeout: float = timeout) -> int:
            times += repeated(count, lambda number: client.batch_poll("empty", f"w{number}", None, 1, timeout))
            return len(times)

        found = figures(server, polls)
        yield {"open": count, "timeout": timeout, **found, "median_s": round(sorted(times)[len(times) // 2], 2)}


def polls_that_do_not_wait(server: Server, client: HttpTaskClient) -> dict[str, float]:
    def poll(number: int) -> object:
        return client.batch_poll("empty", f"w{number}", None, 1, 0.0)

    return figures(server, lambda: len(repeated(CONNECTIONS, poll)))


def start_workflows(client: ApiClient) -> None:
    workflows = WorkflowExecutor(client)
    TaskExecutor(client).register_task_defs(TaskDef(name=TASK_TYPE, owner_email="team@example.com"))
    step = WorkflowTask(name=TASK_TYPE, task_reference_name="step")
    workflows.register_workflow(WorkflowDef(name=TASK_TYPE, tasks=[step], owner_email="team@example.com"))
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        list(threads.map(lambda _: workflows.start_workflow(TASK_TYPE), range(QUEUED)))


def extensions(server: Server, client: HttpTaskClient) -> dict[str, float]:
    held = client.batch_poll(TASK_TYPE, "holder", None, CONNECTIONS, 1.0).tasks
    return figures(
        server, lambda: len(repeated(len(held), lambda number: client.extend_lease(held[number], "holder", 10.0)))
    )


def executions(server: Server, client: ApiClient) -> dict[str, float]:
    """Tasks that do nothing, each with its poll and its update, by one worker."""
    left = TaskExecutor(client).queue_size(TASK_TYPE)
    ran = threading.Semaphore(0)

    def run() -> None:
        ran.release()

    def all_tasks() -> int:
        with TaskRunner(client) as runner:
            runner.start_worker(TASK_TYPE, run, CONNECTIONS)
            for _ in range(left):
                ran.acquire()
        return left

    return figures(server, all_tasks)


def warm_up(server: Server, client: ApiClient) -> None:
    """A new JVM needs several times the processor time for a request, until it has compiled the code for it."""
    start_workflows(client)
    executions(server, client)
    polls_that_do_not_wait(server, HttpTaskClient(client))


def main() -> int:
    load = os.getloadavg()[0]  # of other programs: this one, the server and the database do not work yet
    try:
        with cluster(1) as (server,), ApiClient(http_settings=HttpSettings(server.url)) as client:
            tasks = HttpTaskClient(client)
            warm_up(server, client)
            start_workflows(client)
            measured = {
                "date": datetime.now(UTC).date().isoformat(),
                "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
                "server": "conductor-oss 3.32.3 on PostgreSQL, default settings",
                "load_average_before": round(load, 1),
                "lease_extensions": extensions(server, tasks),
                "executions": executions(server, client),
                "polls_that_do_not_wait": polls_that_do_not_wait(server, tasks),
                "idle_polls": list(idle_polls(server, tasks)),
            }
    except MissingError as error:
        print(f"measure_server: {error}", file=sys.stderr)
        return 3
    OUTPUT.write_text(json.dumps(measured, indent=2) + "\n")
    print(OUTPUT.read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
