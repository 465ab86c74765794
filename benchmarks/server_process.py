"""The task server in a process of its own."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from benchmarks.server.settings import ServerSettings

ROOT = Path(__file__).parent.parent


class Stats(NamedTuple):
    """Counts since the server's start. at, cpu: seconds of its clock and of its processor. to_start: milliseconds from
    available to started of each task since the last question. unexpected: results of tasks that had one.
    """

    at: float
    cpu: float
    requests: int
    completed: int
    failed: int
    unexpected: int
    types_polled: int
    first_poll: int
    to_start: list[float]


class ServerProcess:
    """A context manager."""

    def __init__(self, settings: ServerSettings) -> None:
        command = [sys.executable, "-m", "benchmarks.server", json.dumps(dataclasses.asdict(settings))]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        self._connection = HTTPConnection(urlsplit(self.url).netloc, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._process.communicate()  # closes its input, which ends it

    def stats(self) -> Stats:
        self._connection.request("GET", "/stats")
        return Stats(**json.loads(self._connection.getresponse().read()))
