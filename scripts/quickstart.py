"""Registers a workflow of the two example tasks, runs 20 of them with the example's workers, and shows what came out.

Run by quickstart.sh; CONDUCTOR_SERVER_URL says where the server is.
"""

from __future__ import annotations

import sys
import time
import urllib.request
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from conductor import MetricsSettings, TaskDef, TaskExecutor, TaskRunner, WorkflowDef, WorkflowExecutor, provide_metrics

sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))

from quickstart import long_running_worker, simple_worker

OWNER = "quickstart@example.com"
WORKFLOWS = 20
SHOWN_METRICS = ("task_poll_counter", "task_execution_started_total", "task_execute_time", "task_result_size")


def register() -> None:
    names = ("simple_task", "long_running_task")
    with TaskExecutor() as tasks, WorkflowExecutor() as workflows:
        tasks.register_task_defs(*(TaskDef(name, response_timeout_seconds=60, owner_email=OWNER) for name in names))
        steps = [simple_worker.step("simple"), long_running_worker.step("long", message="${simple.output.message}")]
        workflows.register_workflow(WorkflowDef("quickstart", steps, owner_email=OWNER))


def run() -> list[str]:
    """Start the workflows and wait until they have ended. Returns their ids."""
    with TaskRunner() as runner, WorkflowExecutor() as workflows:
        ids = [workflows.start_workflow("quickstart") for _ in range(WORKFLOWS)]
        runner.start_workers(simple_worker, long_running_worker)
        for workflow_id in track(ids, f"Running {WORKFLOWS} workflows"):
            while workflows.get_workflow(workflow_id, include_tasks=False).status == "RUNNING":
                time.sleep(0.05)
    return ids


def show_results(console: Console, ids: list[str]) -> bool:
    """A table of some workflows. Returns whether all are COMPLETED."""
    with WorkflowExecutor() as workflows:
        ended = [workflows.get_workflow(workflow_id) for workflow_id in ids]
    table = Table("workflow", "status", "output", title=f"3 of {len(ended)} workflows")
    for workflow in ended[:3]:
        table.add_row(workflow.workflow_id, str(workflow.status), str(workflow.output))
    console.print(table)
    completed = sum(workflow.status == "COMPLETED" for workflow in ended)
    console.print(f"{completed} of {len(ended)} are COMPLETED.\n")
    return completed == len(ended)


def main() -> int:
    console = Console()
    with provide_metrics(MetricsSettings(port=0)) as metrics:
        register()
        ids = run()
        all_completed = show_results(console, ids)
        with urllib.request.urlopen(f"http://127.0.0.1:{metrics.port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    console.print("Some of the metrics that Prometheus would read:")
    for line in lines:
        if line.startswith(SHOWN_METRICS) and "bucket" not in line and "_seconds" not in line and "_bytes" not in line:
            console.print(f"  {line}", highlight=False)
    return 0 if all_completed else 1


if __name__ == "__main__":
    sys.exit(main())
