"""conductor-worker lint, as a command."""

import json
import os
import sys

import pytest
from click.testing import CliRunner

from conductor.cli.program import program

STEP = {"name": "charge", "taskReferenceName": "charge"}
WORKERS = """
from conductor import worker_task

@worker_task("charge")
def charge(amount: int) -> None: ...
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("lint_app", None)


def run(*arguments):
    return CliRunner().invoke(program, ["lint", ".", *arguments])


def write(folder, **definition):
    (folder / "order.json").write_text(json.dumps({"name": "order", "tasks": [STEP], **definition}))


def test_a_good_definition_is_no_error(folder):
    write(folder)
    done = run()
    assert (done.exit_code, done.stdout) == (0, "0 errors, 0 warnings\n")


def test_an_error_is_a_line_with_its_file_and_its_place(folder):
    write(folder, tasks=[{**STEP, "inputParameters": {"x": "${foo.output}\x1b[2J"}}], timeout="1")
    done = run()
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        "order.json: timeout: error: unknown key; the nearest known one is timeoutPolicy",
        "1 error, 0 warnings",
    ]
    write(folder, tasks=[{**STEP, "inputParameters": {"x": "${f\x1b[2Joo.output}"}}])
    assert "\x1b" not in run().stdout


def test_warnings_count_if_they_shall(folder):
    write(folder, failureWorkflow="refund")
    assert run().exit_code == 0
    done = run("--strict", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout) == [
        {
            "file": "order.json",
            "place": "failureWorkflow",
            "severity": "warning",
            "text": "no workflow 'refund' is among these definitions",
        }
    ]


def test_tasks_are_compared_with_the_workers_of_modules(folder):
    write(folder)
    (folder / "lint_app.py").write_text(WORKERS)
    done = run("lint_app.py")
    assert done.exit_code == 1
    assert "tasks[0].inputParameters: error: the worker of 'charge': it needs the input 'amount'" in done.stdout


def test_a_task_that_no_worker_takes_is_named_with_the_nearest_one(folder):
    write(folder, tasks=[{**STEP, "name": "chrage"}])
    (folder / "lint_app.py").write_text(WORKERS)
    assert "takes the task 'chrage'; the nearest is 'charge'" in run("lint_app.py").stdout


def test_a_folder_or_a_module_that_is_not_there_is_a_wrong_argument(folder):
    assert run().exit_code == 2
    write(folder)
    done = run("nowhere")
    assert done.exit_code == 2
    assert "nowhere" in done.stderr


def test_an_object_whose_code_raises_is_a_wrong_argument(folder):
    write(folder)
    (folder / "lint_app.py").write_text("def workers():\n    raise OSError('no database')\n    yield\nLAZY = workers()")
    done = run("lint_app:LAZY")
    assert done.exit_code == 2
    assert "cannot use lint_app:LAZY: OSError: no database" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="it has no named pipes in folders")
@pytest.mark.timeout(20)
def test_a_named_pipe_in_the_folder_is_not_waited_for(folder):
    write(folder)
    os.mkfifo(folder / "pipe.json")
    assert run().exit_code == 0
