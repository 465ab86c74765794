"""Worker programs as processes of their own."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from support.waiting import eventually


class Programs:
    """Starts Python code as processes, and ends those that have not ended when the context is left."""

    def __init__(self):
        self._started = []

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        for process in self._started:
            process.kill()
            process.communicate()

    def start(self, code, server_url, *arguments):
        """CONDUCTOR_SERVER_URL is the URL; sys.argv[1:] are the arguments. Returns the Popen, with text in pipes."""
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code, *arguments],
            env=os.environ | {"CONDUCTOR_SERVER_URL": server_url, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process


def waits_for_signals(process):
    """The process, once it has a handler for SIGTERM, as it has while it waits for its workers (and one for SIGINT)."""

    def has_handler():
        assert process.poll() is None, process.communicate()
        caught = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{process.pid}/status").read_text())
        return int(caught[1], 16) >> (signal.SIGTERM - 1) & 1

    eventually(has_handler)
    return process


def children_of(pid):
    """The ids of the processes that a process started, and of those that it has not reaped."""
    return [int(child) for file in Path(f"/proc/{pid}/task").glob("*/children") for child in file.read_text().split()]


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):  # the latter where it ends between opening and reading
        return False
