"""The workers that are compared, and how each is started."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import CONDUCTOR_PYTHON, GO_SDK, conductor_python, go_is_there, go_worker

PROGRAMS = Path(__file__).parent / "worker-programs"

PROJECT = "this project"
INCUMBENT = f"conductor-python {CONDUCTOR_PYTHON}"
GO = f"Go SDK {GO_SDK}"
URLLIB3 = "bare loop: urllib3, batch 10"
LEAN = "bare loop: lean connection, update-v2"
RAW = "bare loop: raw socket, batch 10"

FIRST_IMPORT = "from conductor import TaskRunner, worker_task"
"""Of the README's first program. ``import conductor`` loads nothing, because each name is loaded when it is used."""

KEYS = {"project": PROJECT, "conductor-python": INCUMBENT, "go": GO, "urllib3": URLLIB3, "lean": LEAN, "raw": RAW}
"""The words of the command line."""


@dataclass(frozen=True)
class Worker:
    """imports: the statement with which a program of it begins; None: there is no such thing."""

    name: str
    command: list[str]
    imports: str | None = None


def keys_of_all() -> list[str]:
    return [key for key in KEYS if key != "go" or go_is_there()]


def prepare(key: str, directory: Path) -> Worker:
    """Install its library, or build its program into the directory, which is made if need be."""
    name = KEYS[key]
    if name == GO:
        directory.mkdir(parents=True, exist_ok=True)
        return Worker(name, [str(go_worker(directory))])
    if name == INCUMBENT:
        program = str(PROGRAMS / "conductor_python.py")
        return Worker(name, [str(conductor_python()), program], "import conductor.client.automator.task_handler")
    if name == PROJECT:
        return Worker(name, [sys.executable, str(PROGRAMS / "this_project.py")], FIRST_IMPORT)
    return Worker(name, [sys.executable, str(PROGRAMS / f"bare_{key}.py")])
