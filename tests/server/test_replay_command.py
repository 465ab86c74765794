"""``conductor-worker replay``: its text, its JSON and its exit statuses."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from conductor import ApiClient, HttpSettings, TaskExecutor
from conductor.cli.program import program
from conductor.testing import DevServer
from support import replayed_tasks

CODE = """
from contextlib import contextmanager

from conductor import Interceptor, task_context, worker_task


class Demands(Interceptor):
    def __init__(self, key):
        pass


class Signs(Interceptor):
    def execute(self, task, proceed):
        return {**proceed(), "signed": True}


def workers():
    raise OSError("no database")
    yield


LAZY = workers()


@worker_task("pay")
def pay(amount: int) -> dict[str, int]:
    print("printed by the function")
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
    """See ``replayed_tasks.task_ids``."""

    def pay(amount):
        if amount > 100:
            raise ValueError("too much\x1b[2J")
        return {"paid": amount * 2}

    return replayed_tasks.task_ids(server.url, pay)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "replayed", raising=False)
    (tmp_path / "replayed.py").write_text(CODE)
    yield tmp_path
    sys.modules.pop("replayed", None)


@pytest.fixture
def replay(folder, server):
    return lambda *arguments, server_url=server.url: CliRunner().invoke(
        program, ["replay", *arguments, "--server", server_url]
    )


def test_the_recorded_result_is_exit_status_0(replay, task_ids):
    done = replay("replayed:pay", task_ids[5])
    assert done.exit_code == 0, done.stderr
    assert "The result is the recorded one.\n" in done.stdout
    assert '{"paid":10}' in done.stdout


def test_the_id_of_a_workflow_is_known_as_such(replay, server, task_ids):
    with ApiClient(http_settings=HttpSettings(server.url)) as api:
        workflow_id = TaskExecutor(api).get_task(task_ids[5]).workflow_instance_id
    done = replay("replayed:pay", workflow_id)
    assert done.exit_code == 1
    assert f"{workflow_id} is the id of a workflow, not of a task" in done.stderr


def test_another_result_is_exit_status_1_and_moves_no_cursor(replay, task_ids):
    done = replay("replayed.py:other", task_ids[5], "--lifespan", "replayed:lifespan")
    assert done.exit_code == 1
    assert "The result differs from the recorded one." in done.stdout
    assert not set("\x1b\u202e") & set(done.stdout + done.stderr)
    assert "$.state" in done.stdout
    assert "a line\\x1b[2J" in done.stdout


def test_interceptors_of_the_runner_run_too(replay, task_ids):
    done = replay("replayed:pay", task_ids[5], "--interceptor", "replayed:Signs")
    assert done.exit_code == 1
    assert "$.signed" in done.stdout


def test_json_is_all_of_standard_output(replay, task_ids):
    done = replay("replayed", task_ids[500], "--json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert found["recorded"]["status"] == found["here"]["status"] == "FAILED"
    assert found["isSame"] is True
    assert "printed by the function" in done.stderr


def test_a_function_that_exits_has_failed(replay, task_ids):
    done = replay("replayed:quits", task_ids[5])
    assert done.exit_code == 1
    assert "SystemExit: 0" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["replayed:nosuch", "task-1"], "module 'replayed' has no 'nosuch'"),
        (["replayed:pay", "task-1", "--lifespan", "replayed:nosuch"], "--lifespan: module 'replayed' has no 'nosuch'"),
        (["replayed:pay", "task-1", "--interceptor", "nosuch:x"], "--interceptor: cannot import 'nosuch'"),
        (["replayed:pay", "task-1", "--interceptor", "replayed:other"], "must be an Interceptor"),
        (
            ["replayed:pay", "task-1", "--interceptor", "replayed:Demands"],
            "replayed.Demands'> cannot be made: TypeError",
        ),
        (["replayed:LAZY", "task-1"], "cannot use replayed:LAZY: OSError: no database"),
        (["replayed:pay", "task-1", "--lifespan", "replayed:APP"], "no 'APP'"),
        (["replayed:pay", "task-1", "--save", "nosuch/case.json"], "there is no folder for case.json"),
    ],
)
def test_arguments_are_checked_before_the_server_is_asked(replay, arguments, text):
    done = replay(*arguments, server_url="http://127.0.0.1:1")
    assert done.exit_code == 2
    assert text in done.stderr
    assert "refused" not in done.stderr


def test_an_unknown_task_is_one_sentence(replay, folder):
    done = replay("replayed:pay", "nosuch", "--save", "case.json")
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 1
    assert not (folder / "case.json").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has this device")
def test_the_result_is_shown_also_if_the_case_cannot_be_saved(replay, task_ids):
    done = replay("replayed:pay", task_ids[5], "--save", "/dev/full", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["isSame"] is True
    assert "No space left" in done.stderr
