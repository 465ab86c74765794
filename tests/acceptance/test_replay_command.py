"""``conductor-worker replay``, as a process."""

import json
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
from contextlib import contextmanager

from conductor import task_context, worker_task


@worker_task("pay")
def pay(amount: int) -> dict[str, int]:
    print("printed by the function")
    logging.getLogger("app").info("logged\\x1b[2J by the function")
    if amount > 100:
        raise ValueError("too much\\x1b[2J")
    return {"paid": amount * 2}


@contextmanager
def lifespan():
    yield "pool"


def other(amount: int) -> dict[str, str]:
    task_context().log("a line\\x1b[2J")
    return {"paid": "\\x1b[2J\\u202e", "state": task_context().state}


def quits(amount: int) -> None:
    raise SystemExit(0)
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

    def run(*arguments, typed="", server_url=server.url):
        return subprocess.run(
            [sys.executable, "-m", "conductor", "replay", *arguments],
            cwd=tmp_path,
            env=os.environ | {"CONDUCTOR_SERVER_URL": server_url},
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


def test_another_result_is_exit_status_1_and_moves_no_cursor(replay, task_ids):
    done = replay("app.py:other", task_ids[5], "--lifespan", "app:lifespan")
    assert done.returncode == 1
    assert "The result differs from the recorded one." in done.stdout
    assert not set("\x1b\u202e") & set(done.stdout + done.stderr)
    assert "$.state" in done.stdout
    assert "a line\\x1b[2J" in done.stdout


def test_json_is_all_of_standard_output(replay, task_ids):
    done = replay("app", task_ids[500], "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["recorded"]["status"] == found["here"]["status"] == "FAILED"
    assert found["isSame"] is True
    assert "printed by the function" in done.stderr


def test_a_function_that_exits_has_failed(replay, task_ids):
    done = replay("app:quits", task_ids[5])
    assert done.returncode == 1
    assert "SystemExit: 0" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["app:nosuch", "task-1"], "module 'app' has no 'nosuch'"),
        (["app:pay", "task-1", "--lifespan", "app:nosuch"], "module 'app' has no 'nosuch'"),
        (["app:pay", "task-1", "--lifespan", "app:APP"], "no 'APP'"),
        (["app:pay", "task-1", "--save", "nosuch/case.json"], "there is no folder for case.json"),
    ],
)
def test_arguments_are_checked_before_the_server_is_asked(replay, arguments, text):
    done = replay(*arguments, server_url="http://127.0.0.1:1")
    assert done.returncode == 2
    assert text in done.stderr
    assert "refused" not in done.stderr


def test_an_unknown_task_is_one_sentence(replay, tmp_path):
    done = replay("app:pay", "nosuch", "--save", "case.json")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "case.json").exists()


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
