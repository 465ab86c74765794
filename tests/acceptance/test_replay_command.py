"""``conductor-worker replay`` as a process: its debugger, its log and the test case that it writes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conductor import ApiClient, HttpSettings, WorkflowDef, WorkflowExecutor, WorkflowTask
from conductor.testing import DevServer
from support import replayed_tasks

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
    """See ``replayed_tasks.task_ids``."""
    names = {}
    exec(APP, names)  # noqa: S102
    return replayed_tasks.task_ids(server.url, names["pay"].__wrapped__)


@pytest.fixture
def replay(server, tmp_path):
    (tmp_path / "app.py").write_text(APP)

    def run(*arguments, typed="", shell=()):
        return subprocess.run(
            [*shell, sys.executable, "-m", "conductor", "replay", *arguments],
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


def test_a_case_that_cannot_be_written_whole_leaves_the_earlier_one(replay, task_ids, tmp_path):
    (tmp_path / "case.json").write_text("earlier")
    before = sorted(tmp_path.iterdir())
    no_file_grows = ["sh", "-c", 'ulimit -f 0 && exec "$@"', "sh", "env", "PYTHONDONTWRITEBYTECODE=1"]
    done = replay("app:pay", task_ids[5], "--save", "case.json", shell=no_file_grows)
    assert done.returncode == 1
    assert "The result is the recorded one." in done.stdout
    assert "File too large" in done.stderr
    assert (tmp_path / "case.json").read_text() == "earlier"
    assert sorted(tmp_path.iterdir()) == before
