"""The quickstart and the README's first programs on a real server."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from conductor import TaskDef, TaskResultStatus, WorkflowDef, WorkflowTask

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def program(server_url):
    """Starts one of the project's Python files as a process of its own."""
    started = []

    def start(path):
        process = subprocess.Popen(
            [sys.executable, "-W", "error", ROOT / path],
            env=os.environ | {"CONDUCTOR_SERVER_URL": server_url, "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_quickstart_runs_twenty_workflows(program):
    process = program("scripts/quickstart.py")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "20 of 20 are COMPLETED" in output
    assert "{'heard': 'Hello World', 'deliveries': 2}" in output
    # Two for each workflow; one if the first delivery of its task did not begin, as the worker counts deliveries.
    executions, results = (
        float(re.search(rf'{metric}{{taskType="long_running_task"}} (\S+)', output)[1])
        for metric in ("task_execution_started_total", "task_result_size_count")
    )
    assert 20 <= executions == results <= 40


def test_the_first_program_runs_workers_until_it_is_told_to_stop(program, tasks, workflows, name, ended):
    tasks.register_task_defs(
        TaskDef("simple_task", owner_email="team@example.com"),
        TaskDef("long_running_task", owner_email="team@example.com"),
    )
    steps = [
        WorkflowTask("simple_task", "simple"),
        WorkflowTask("long_running_task", "long", input_parameters={"message": "${simple.output.message}"}),
    ]
    workflows.register_workflow(WorkflowDef(name, steps, owner_email="team@example.com"))
    process = program("examples/quickstart.py")
    workflow, _ = ended(workflows.start_workflow(name))
    assert workflow.output == {"heard": "Hello World", "deliveries": 2}
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0


def test_the_program_outside_of_workers_completes_a_task(program, tasks, workflows):
    process = program("examples/from_outside.py")
    output, _ = process.communicate(timeout=30)
    assert (process.returncode, output.strip()) == (0, TaskResultStatus.COMPLETED)
