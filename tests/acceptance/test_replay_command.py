"""``conductor-worker replay`` as a process: its debugger, its log and the test case that it writes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conductor import ApiClient, HttpSettings, TaskExecutor, TaskRunner, WorkflowDef, WorkflowExecutor, WorkflowTask
from conductor.models import TaskDef
from conductor.testing import DevServer

EXAMPLES = Path(__file__).parents[2] / "examples"
APP = """
import logging

from conductor import worker_task


@worker_task("pay")
def pay(amount: int) -> dict[str, int]:
    print("printed by the function")
    logging.getLogger("app").info("logged\\x1b[2J by the function")
    if amount > 100:
        raise ValueError("too much\\x1b[2J")
    return {"paid": amount * 2}
"""


@pytest.fixture(scope="module")
def server():
    with DevServer() as server:
        yield server


@pytest.fixture(scope="module")
def task_ids(server):
    """By amount: of the tasks that the function of APP has run. 5 is COMPLETED, 500 FAILED."""
    names = {}
    exec(APP, names)  # noqa: S102
    step = WorkflowTask("pay", "pay", input_parameters={"amount": "${workflow.input.amount}"})
    with ApiClient(http_settings=HttpSettings(server.url)) as client, TaskRunner(client) as runner:
        TaskExecutor(client).register_task_defs(TaskDef("pay", retry_count=0))
        workflows = WorkflowExecutor(client)
        workflows.register_workflow(WorkflowDef("flow", [step], owner_email="team@example.com"))
        runner.start_worker("pay", names["pay"].__wrapped__)
        done = {amount: workflows.execute_workflow("flow", {"amount": amount}, timeout=30) for amount in (5, 500)}
        return {amount: workflow.tasks[0].task_id for amount, workflow in done.items()}


@pytest.fixture
def replay(server, tmp_path):
    (tmp_path / "app.py").write_text(APP)

    def run(*arguments, typed=""):
        return subprocess.run(
            [sys.executable, "-m", "conductor", "replay", *arguments],
            cwd=tmp_path,
            env=os.environ | {"CONDUCTOR_SERVER_URL": server.url},
            input=typed,
            check=False,
            capture_output=True,
            text=True,
            timeout=50,
        )

    return run


def test_the_recorded_result_is_exit_status_0(replay, task_ids):
    done = replay("app:pay", task_ids[5])
    assert done.returncode == 0, done.stderr
    assert "The result is the recorded one." in done.stdout
    assert "printed by the function" in done.stdout
    assert "INFO    logged\\x1b[2J by the function" in done.stderr


def test_break_stops_at_the_first_line_of_the_function(replay, task_ids):
    done = replay("app:pay", task_ids[5], "--break", typed="p 'amount', amount\nc\n")
    assert done.returncode == 0, done.stderr
    assert '-> print("printed by the function")' in done.stdout
    assert "('amount', 5)" in done.stdout


def test_pdb_starts_where_the_error_was_raised(replay, task_ids):
    done = replay("app:pay", task_ids[500], "--pdb", typed="p 'amount', amount\nq\n")
    assert done.returncode == 1
    assert "-> raise ValueError(" in done.stdout
    assert "('amount', 500)" in done.stdout
    assert "The result is the recorded one, a failure." in done.stdout


def test_leaving_the_debugger_ends_the_command(replay, task_ids):
    done = replay("app:pay", task_ids[5], "--break", "--save", "case.json", typed="q\n")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "Error: the debugger was left before the function has ended"


def test_the_saved_case_passes_the_test_of_the_page(server, replay, tmp_path):
    for name in ("first_worker.py", "test_replayed.py"):
        shutil.copy(EXAMPLES / name, tmp_path)
    step = WorkflowTask("charge", "charge", input_parameters={"order_id": "A7", "amount": "9.90"})
    with ApiClient(http_settings=HttpSettings(server.url)) as client:
        workflows = WorkflowExecutor(client)
        workflows.register_workflow(WorkflowDef("pay", [step], owner_email="team@example.com"))
        workflow_id = workflows.start_workflow("pay")
        (task,) = workflows.get_workflow(workflow_id).tasks
    done = replay("first_worker:charge", task.task_id, "--save", "case.json")
    assert done.returncode == 0, done.stderr
    assert "The task has not ended" in done.stdout
    assert (tmp_path / "case.json").stat().st_mode & 0o077 == 0
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_replayed.py"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )
    assert tested.returncode == 0, tested.stdout
