"""Measures a worker on a real Conductor server: how fast it empties a queue, and how soon a single task is done."""

from __future__ import annotations

import itertools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.cases import Case
from benchmarks.measure import READY_WITHIN, Figures, MeasurementError, assignment_for
from benchmarks.processes import WorkerProcess
from benchmarks.workers import Worker
from conductor import (
    ApiClient,
    HttpSettings,
    TaskDef,
    TaskExecutor,
    Workflow,
    WorkflowDef,
    WorkflowExecutor,
    WorkflowTask,
)

SCRIPT = Path(__file__).parent.parent / "scripts" / "conductor_server.sh"
QUEUED = 300
SINGLE = 20
OWNER = "bench@example.com"

_numbers = itertools.count(1)


@contextmanager
def real_server(given: str | None) -> Iterator[str | None]:
    """The given URL, or the running server's, or a new server's. A new server is stopped in the end.

    None: there is no Java or Maven.
    """
    running = given or subprocess.run([SCRIPT, "url"], capture_output=True, text=True, check=False).stdout.strip()
    if running:
        yield running
        return
    started = subprocess.run([SCRIPT, "start"], stdout=subprocess.PIPE, text=True, check=False)
    if started.returncode == 3:
        print("benchmarks: no real server: the reason is above", file=sys.stderr)
        yield None
        return
    started.check_returncode()
    try:
        yield started.stdout.strip()
    finally:
        subprocess.run([SCRIPT, "stop"], check=True)


def measure_on_real_server(worker: Worker, case: Case, url: str) -> Figures:
    """By the server's own clock."""
    name = f"bench_{os.getpid()}_{next(_numbers)}"
    with ApiClient(http_settings=HttpSettings(url)) as client:
        tasks, workflows = TaskExecutor(client), WorkflowExecutor(client)
        tasks.register_task_defs(TaskDef(name, owner_email=OWNER))
        workflows.register_workflow(WorkflowDef(name, [WorkflowTask(name, "step")], owner_email=OWNER))
        queued = [workflows.start_workflow(name) for _ in range(QUEUED)]
        with WorkerProcess(worker.command, assignment_for(case, url, [name], Path())) as process:
            _wait(lambda: tasks.queue_size(name) == 0, 0.2, process)
            drained = [_completed(workflows, workflow_id, process) for workflow_id in queued]
            single = []
            for _ in range(SINGLE):
                time.sleep(0.3)
                single.append(_completed(workflows, workflows.start_workflow(name), process))
    began = min(workflow.tasks[0].start_time for workflow in drained)
    ended = max(workflow.end_time or 0 for workflow in drained)
    to_end = [(workflow.end_time or 0) - (workflow.create_time or 0) for workflow in single]
    return {"drain": 1000 * QUEUED / (ended - began), "to_end": statistics.median(to_end)}


def _completed(workflows: WorkflowExecutor, workflow_id: str, process: WorkerProcess) -> Workflow:
    _wait(lambda: workflows.get_workflow(workflow_id, include_tasks=False).status == "COMPLETED", 0.05, process)
    return workflows.get_workflow(workflow_id)


def _wait(until: Callable[[], bool], step: float, process: WorkerProcess) -> None:
    give_up = time.monotonic() + READY_WITHIN
    while not until():
        if process.has_ended() or time.monotonic() > give_up:
            raise MeasurementError(f"the worker does not empty its queue: {process.last_words()}")
        time.sleep(step)
