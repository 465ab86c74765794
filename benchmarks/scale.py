"""Measures ``conductor-worker run --processes N``: ``python -m benchmarks.scale``. Needs Linux and a quiet machine.

For each kind of work it prints the tasks per second of 1, 2, … processes beside those of one, the memory (PSS) of all
of them, and its difference to the line above: two processes also have a supervisor. The task server of
``benchmarks.server`` needs a part of the processors, so tasks per second cannot be more than the number of processors
divided by the time that a task costs workers and server together.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import threading
from pathlib import Path
from typing import NamedTuple

from benchmarks.processes import WorkerProcess
from benchmarks.server.settings import ServerSettings
from benchmarks.server_process import ServerProcess

PROGRAM = Path(__file__).parent / "worker-programs" / "run_command.py"
CONCURRENCY = 10
STARTED_WITHIN = 30.0
"""Seconds until the first task is completed."""


class Measured(NamedTuple):
    """tasks: per second. cpu, server_cpu: seconds of a processor per second. memory: megabytes of PSS."""

    tasks: float
    cpu: float
    server_cpu: float
    memory: float


def measure(work: str, processes: int, seconds: float) -> Measured:
    """The workers run for a second before the measurement begins."""
    settings = ServerSettings()
    with ServerProcess(settings) as server:
        assignment = {"url": server.url, "task_names": settings.task_names, "concurrency": CONCURRENCY, "work": work}
        command = [sys.executable, "-m", "conductor", "run", f"{PROGRAM}:workers", "--server", server.url]
        with WorkerProcess([*command, "--processes", str(processes)], assignment) as workers:
            pause = threading.Event()
            for _ in range(int(STARTED_WITHIN * 10)):
                if server.stats().completed:
                    break
                pause.wait(0.1)
            else:
                raise RuntimeError(f"no task was completed: {workers.last_words()}")
            pause.wait(1.0 + processes * 0.5)
            before, cpu_before = server.stats(), workers.cpu()
            pause.wait(seconds)
            after, cpu_after = server.stats(), workers.cpu()
            memory = sum(map(_pss, workers.processes()))
    lasted = after.at - before.at
    return Measured(
        (after.completed - before.completed) / lasted,
        (cpu_after - cpu_before) / lasted,
        (after.cpu - before.cpu) / lasted,
        memory,
    )


def _pss(process: int) -> float:
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{process}/smaps_rollup").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--work", nargs="+", default=["nothing", "compute_1_ms"])
    options = parser.parse_args()
    print(f"{os.cpu_count()} processors, {options.seconds:g} s each, batch_size {CONCURRENCY}")
    headings = "work | processes | tasks/s | times | CPU of workers | CPU of server | µs of CPU a task | PSS | more"
    print(f"| {headings} |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for work in options.work:
        first: Measured | None = None
        before: Measured | None = None
        for processes in options.processes:
            found = measure(work, processes, options.seconds)
            first = first or found
            row = f"{work} | {processes} | {found.tasks:,.0f} | {found.tasks / first.tasks:.2f} | {found.cpu:.2f}"
            cost = (found.cpu + found.server_cpu) / found.tasks * 1e6
            more = "" if before is None else f"{found.memory - before.memory:.1f} MB"
            print(f"| {row} | {found.server_cpu:.2f} | {cost:.0f} | {found.memory:.1f} MB | {more} |", flush=True)
            before = found


if __name__ == "__main__":
    main()
