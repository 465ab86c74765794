"""The README and docs/tutorial.md are followed to the letter: their files, their commands, and what these print."""

import os
import re
import shlex
import subprocess
import sys

import pytest

from conductor import ApiClient, HttpSettings, WorkflowExecutor
from support.dev_session import Session
from support.pages import save_files


@pytest.fixture
def start(tmp_path):
    """Starts ``conductor-worker dev`` in the folder of the test, with a command line of a page."""
    started = []

    def start(line):
        program, dev, *arguments = shlex.split(line)
        assert (program, dev) == ("conductor-worker", "dev")
        started.append(Session(tmp_path, *arguments))
        return started[-1]

    yield start
    for session in started:
        session.process.kill()
        session.process.wait()


def run(folder, *arguments, status=0, **variables):
    done = subprocess.run(
        [sys.executable, *arguments],
        check=False,
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def test_the_commands_of_the_readme_run_a_task(start, tmp_path):
    lines = save_files("README.md", tmp_path)
    (dev,) = [line for line in lines if line.startswith("conductor-worker dev")]
    (begin,) = [line for line in lines if line.startswith("conductor-worker workflow start")]
    session = start(dev)
    assert session.said("workers") == ["charge"]
    workflow_id = session.run(begin, CONDUCTOR_SERVER_URL=session.url)
    assert session.output_of(workflow_id) == {"receipt": "A7: 9.90 EUR"}
    assert session.end() == 0


def test_the_tutorial_leads_to_an_order_that_is_paid_at_the_second_try(start, tmp_path):
    lines = save_files("docs/tutorial.md", tmp_path)
    assert {"pytest", "conductor-worker lint definitions app.py", "python buy.py"} <= set(lines)
    assert " 2 passed" in run(tmp_path, "-m", "pytest", "-p", "no:cacheprovider")
    run(tmp_path, "-m", "conductor", "lint", "definitions", "app.py")

    session = start(*[line for line in lines if line.startswith("conductor-worker dev")])
    assert session.said("workers") == ["price_order, charge_card"]
    paid = "{'receipt': 'paid 3.60 EUR'}\n"
    assert run(tmp_path, "buy.py", CONDUCTOR_SERVER_URL=session.url) == paid
    assert steps_of(session) == [
        ("price", "COMPLETED", None),
        ("charge", "FAILED", "ConnectionError: the bank does not answer"),
        ("charge", "COMPLETED", None),
    ]

    app = tmp_path / "app.py"
    app.write_text(re.sub(r"    if task_context.*\n.*raise.*\n", "", app.read_text()))
    session.said("workers", 2)
    assert run(tmp_path, "buy.py", CONDUCTOR_SERVER_URL=session.url) == paid
    assert [step[:2] for step in steps_of(session)] == [("price", "COMPLETED"), ("charge", "COMPLETED")]

    (task_id,) = re.findall(r"charge_card failed.*task_id='([^']*)'", session.log.read_text())
    (replay,) = [line for line in lines if line.startswith("conductor-worker replay")]
    arguments = shlex.split(replay.replace("TASK_ID", task_id))[1:]
    done = run(tmp_path, "-m", "conductor", *arguments, status=1, CONDUCTOR_SERVER_URL=session.url)
    assert re.search(r"status +FAILED +COMPLETED", done)
    assert session.end() == 0

    tests = tmp_path / "test_app.py"
    assert "1 failed, 1 passed" in run(tmp_path, "-m", "pytest", "-p", "no:cacheprovider", status=1)
    tests.write_text(re.sub(r".*\"FAILED\"\n|, retry_count=1", "", tests.read_text()))
    assert " 2 passed" in run(tmp_path, "-m", "pytest", "-p", "no:cacheprovider")


def steps_of(session):
    """The tasks of the newest workflow: reference name, status, and reason of a failure."""
    with ApiClient(http_settings=HttpSettings(session.url)) as client:
        workflows = WorkflowExecutor(client)
        newest = workflows.search(size=1, sort="startTime:DESC").results[0]
        tasks = workflows.get_workflow(newest.workflow_id).tasks
    return [(task.reference_task_name, task.status, task.reason_for_incompletion) for task in tasks]
