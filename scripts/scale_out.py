"""Workers in four processes on two Conductor servers with one PostgreSQL database; one of each is killed.

scripts/scale_out.py [--workflows 120]

Exit 0: all workflows have completed. 1: some have not. 3: PostgreSQL, Java or Maven is not installed.
This file is also the module with the workers: ``conductor-worker run scripts/scale_out.py``.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from conductor_cluster import Balancer, MissingError, Server, cluster

from conductor import (
    ApiClient,
    HttpSettings,
    ServerError,
    TaskDef,
    TaskExecutor,
    TransportError,
    WorkflowDef,
    WorkflowExecutor,
    worker_task,
)

ROOT = Path(__file__).parent.parent

PROCESSES = 4
LEASE = 10
"""Seconds after which a task of a killed worker is delivered again."""
WITHIN = 60.0
"""Seconds in which all workflows must complete."""


@worker_task("scale_out_charge", batch_size=4)
def charge(number: int) -> dict[str, int]:
    threading.Event().wait(0.5)
    return {"receipt": number}


@worker_task("scale_out_ship", batch_size=4)
def ship(receipt: int) -> dict[str, int]:
    threading.Event().wait(0.5)
    return {"parcel": receipt}


ORDER = WorkflowDef(
    "scale_out",
    [charge.step("charge", number="${workflow.input.number}"), ship.step("ship", receipt="${charge.output.receipt}")],
    owner_email="team@example.com",
)


class Run:
    """The workflows of a run. url: of the API that they are started at and asked for."""

    def __init__(self, url: str, count: int) -> None:
        self._client = ApiClient(http_settings=HttpSettings(url, read_timeout=10))
        self._workflows = WorkflowExecutor(self._client)
        definitions = [
            TaskDef(
                name=name,
                retry_count=5,
                retry_delay_seconds=0,
                response_timeout_seconds=LEASE,
                owner_email="a@example.com",
            )
            for name in ("scale_out_charge", "scale_out_ship")
        ]
        TaskExecutor(self._client).register_task_defs(*definitions)
        self._workflows.register_workflow(ORDER)
        self.open = [self._workflows.start_workflow(ORDER.name, {"number": number}) for number in range(count)]
        self.ended: dict[str, str] = {}
        """The status of each workflow that has ended."""

    def wait_for(self, is_enough: Callable[[], bool], deadline: float, *, evaluates: bool = False) -> None:
        """Ask for one open workflow after another, until it is enough or the deadline has passed.

        evaluates: the server evaluates each of them. On its own, a server with an SQL database (3.32.3) notices a lease
        that has ended up to two minutes later.
        """
        pause = threading.Event()
        while not is_enough() and time.monotonic() < deadline:
            for workflow_id in list(self.open):
                with contextlib.suppress(TransportError, ServerError):  # of the server that has just been killed
                    self._look_at(workflow_id, evaluates=evaluates)
                if is_enough():
                    return
            pause.wait(0.1)

    def _look_at(self, workflow_id: str, *, evaluates: bool) -> None:
        if evaluates:
            self._workflows.decide(workflow_id)
        status = self._workflows.get_workflow(workflow_id, include_tasks=False).status or ""
        if status not in {"RUNNING", "PAUSED"}:
            self.open.remove(workflow_id)
            self.ended[workflow_id] = status

    def deliveries(self) -> int:
        """The number of tasks, with those that were delivered again."""
        return sum(len(self._workflows.get_workflow(each).tasks or ()) for each in self.ended)


@contextlib.contextmanager
def workers(url: str, folder: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The worker processes, each with an outbox of its own."""
    command = [sys.executable, "-m", "conductor", "run", __file__, f"--server={url}"]
    started = [
        subprocess.Popen([*command, f"--outbox={folder}/outbox-{number}.db"], cwd=ROOT, stderr=subprocess.DEVNULL)
        for number in range(PROCESSES)
    ]
    try:
        yield started
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait()


def run(servers: list[Server], count: int, folder: Path) -> bool:
    """Returns whether all workflows have completed."""
    with Balancer([server.url for server in servers]) as balancer:
        runs = Run(balancer.url, count)
        with workers(balancer.url, folder) as processes:
            return killed_and_completed(runs, servers, processes)


def killed_and_completed(runs: Run, servers: list[Server], processes: list[subprocess.Popen[bytes]]) -> bool:
    """Kill one of each while the workflows run. Returns whether all have completed."""
    count = len(runs.open)
    began = time.monotonic()
    for part, what, kill in (
        (1 / 4, f"worker process {processes[0].pid}", processes[0].kill),
        (1 / 2, f"server {servers[0].url}", servers[0].kill),
    ):
        runs.wait_for(lambda part=part: len(runs.ended) >= part * count, began + WITHIN)
        kill()
        print(f"{time.monotonic() - began:5.1f} s: {len(runs.ended)} of {count} workflows have ended. Killed: {what}")
    runs.wait_for(lambda: not runs.open, began + WITHIN, evaluates=True)
    completed = list(runs.ended.values()).count("COMPLETED")
    again = runs.deliveries() - len(ORDER.tasks) * len(runs.ended)
    print(f"{time.monotonic() - began:5.1f} s: {completed} of {count} workflows completed; {again} tasks ran again")
    return completed == count


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workflows", type=int, default=120)
    given = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    try:
        with cluster(2) as servers, tempfile.TemporaryDirectory() as folder:
            return 0 if run(servers, given.workflows, Path(folder)) else 1
    except MissingError as error:
        print(f"scale_out: {error}", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
