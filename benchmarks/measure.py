"""Measures one worker in one case: a new server and a new worker program, watched for a stretch of time."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.cases import Case
from benchmarks.processes import WorkerProcess
from benchmarks.server_process import ServerProcess, Stats
from benchmarks.workers import Worker

Figures = dict[str, float]
"""By the keys of ``report.KINDS``."""

READY_WITHIN = 120.0
"""Seconds. A worker with 50 processes, or with 1,000 coroutines, may take most of a minute."""

IMPORT = "import time; started = time.perf_counter(); {imports}; print(time.perf_counter() - started)"


class MeasurementError(Exception):
    """There are no figures, or they mean nothing."""


@dataclass(frozen=True)
class Pace:
    """seconds: how long is measured. warm_up: how long the worker works before that. longest: no case takes longer."""

    seconds: float = 3.0
    warm_up: float = 1.0
    longest: float = 60.0

    def seconds_for(self, case: Case) -> float:
        return min(max(self.seconds, case.seconds), self.longest)


def assignment_for(case: Case, url: str, task_names: list[str], outbox: Path) -> dict[str, Any]:
    """As ``worker-programs/assignment.py`` reads it."""
    return {
        "url": url,
        "task_names": task_names,
        "concurrency": case.concurrency,
        "work": case.work,
        "coroutines": case.coroutines,
        "processes": case.processes,
        "outbox": str(outbox) if case.outbox else None,
        "batch": case.batch,
        "typed": case.typed,
    }


def measure(worker: Worker, case: Case, pace: Pace) -> Figures:
    """MeasurementError when the worker does not start, or does not do all its tasks once and well."""
    with TemporaryDirectory() as directory, ServerProcess(case.server) as server:
        assignment = assignment_for(case, server.url, case.server.task_names, Path(directory) / "outbox.db")
        with WorkerProcess(worker.command, assignment) as process:
            first_poll = _wait_until_it_works(case, server, process)
            if case.kind == "start":
                return _import_seconds(worker) | {"first_poll": first_poll}
            time.sleep(pace.warm_up)
            stretch = _Stretch(server, process)
            time.sleep(pace.seconds_for(case))
            stretch.end(LEAST[case.kind])
            return FIGURES[case.kind](case, stretch)


class _Stretch:
    """The work of server and worker between its beginning and its end."""

    def __init__(self, server: ServerProcess, process: WorkerProcess) -> None:
        self._server, self._process = server, process
        self._before, self._cpu_before = server.stats(), process.cpu()
        self.to_start: list[float] = []

    def end(self, least: int) -> None:
        """Now, or when so many tasks are completed. MeasurementError if the worker ends, or does a task badly."""
        give_up = time.monotonic() + READY_WITHIN
        self._look()
        while self.completed < least:
            if time.monotonic() > give_up:
                raise MeasurementError("no task was completed")
            time.sleep(0.1)
            self._look()

    def _look(self) -> None:
        after = self._server.stats()
        self.cpu = self._process.cpu() - self._cpu_before
        self.peak_megabytes = self._process.peak_megabytes()
        self.to_start += after.to_start
        self.seconds = after.at - self._before.at
        self.completed = after.completed - self._before.completed
        self.requests = after.requests - self._before.requests
        self.server = (after.cpu - self._before.cpu) / self.seconds
        if self._process.has_ended():
            raise MeasurementError(f"the worker has ended: {self._process.last_words()}")
        if after.failed or after.unexpected:
            raise MeasurementError(f"{after.failed} tasks did not complete, {after.unexpected} results came twice")


def _wait_until_it_works(case: Case, server: ServerProcess, process: WorkerProcess) -> float:
    """Until all types are polled and, where there are always tasks, there has been one for each that runs at once: some
    workers open their connections slowly. Returns the seconds from the worker's start to its first poll.
    """
    least = 0 if case.server.arrivals is not None else case.concurrency * case.server.types

    def works(stats: Stats) -> bool:
        return stats.types_polled == case.server.types and stats.completed >= least

    give_up = time.monotonic() + READY_WITHIN
    while not works(stats := server.stats()):
        if process.has_ended() or time.monotonic() > give_up:
            raise MeasurementError(f"the worker does not work: {process.last_words()}")
        time.sleep(0.02)
    return (stats.first_poll - process.started) / 1e9


def _throughput(_: Case, stretch: _Stretch) -> Figures:
    return {
        "rate": stretch.completed / stretch.seconds,
        "cpu": 1000 * stretch.cpu / stretch.completed,
        "memory": stretch.peak_megabytes,
        "server": stretch.server,
    }


def _time_to_start(_: Case, stretch: _Stretch) -> Figures:
    centiles = statistics.quantiles(stretch.to_start, n=100, method="inclusive")
    return {"p50": centiles[49], "p95": centiles[94], "p99": centiles[98], "tasks": len(stretch.to_start)}


def _idle(case: Case, stretch: _Stretch) -> Figures:
    return {
        "requests": stretch.requests / stretch.seconds / case.server.types,
        "share": stretch.cpu / stretch.seconds,
        "memory": stretch.peak_megabytes,
    }


LEAST: dict[str, int] = {"throughput": 1, "time to start": 2, "idle": 0}
"""Tasks that must be completed for the figures to mean anything."""

FIGURES: dict[str, Callable[[Case, _Stretch], Figures]] = {
    "throughput": _throughput,
    "time to start": _time_to_start,
    "idle": _idle,
}


def _import_seconds(worker: Worker) -> Figures:
    if worker.imports is None:
        return {}
    command = [worker.command[0], "-c", IMPORT.format(imports=worker.imports)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(worker.command[0]).parent)
    return {"import": float(done.stdout)}
