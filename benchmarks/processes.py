"""A worker program as a process: its processor time and memory, its own processes included. Needs Linux."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

VARIABLE = "BENCHMARK_ASSIGNMENT"
"""As in ``worker-programs/assignment.py``."""
PEAK = re.compile(r"^VmHWM:\s*(\d+) kB", re.MULTILINE)


class WorkerProcess:
    """A context manager; it kills the program in the end. started: ``time.time_ns`` just before its start."""

    def __init__(self, command: list[str], assignment: Mapping[str, Any]) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self.started = time.time_ns()
        self._process = subprocess.Popen(
            command,
            env=os.environ | {VARIABLE: json.dumps(assignment)},
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._said.close()

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def last_words(self) -> str:
        self._said.seek(0)
        return self._said.read()[-1500:].decode(errors="replace")

    def cpu(self) -> float:
        """Seconds until now, of the processes that live now."""
        return sum(_cpu(process) for process in self.processes())

    def peak_megabytes(self) -> float:
        """The sum of the peaks of all processes, which share some of it."""
        peaks = [PEAK.search(_read(Path(f"/proc/{process}/status"))) for process in self.processes()]
        return sum(int(peak[1]) for peak in peaks if peak) / 1024

    def processes(self) -> Iterator[int]:
        """The processes of the session that the program leads."""
        for file in Path("/proc").glob("[0-9]*/stat"):
            fields = _read(file).rpartition(")")[2].split()  # from the third on: the second is the name, in brackets
            if fields[3:4] == [str(self._process.pid)]:
                yield int(file.parent.name)


def _cpu(process: int) -> float:
    """By the clock that clock_getcpuclockid(3) names: ``/proc`` counts in hundredths of a second."""
    try:
        return time.clock_gettime((~process << 3) | 2)
    except OSError:  # it has ended meanwhile
        return 0.0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # the process has ended meanwhile
        return ""
