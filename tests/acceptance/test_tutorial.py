"""The programs of docs/tutorial.md do what the page says."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conductor import ApiClient, HttpSettings, TaskExecutor, WorkflowExecutor
from conductor.testing import DevServer

TUTORIAL = Path(__file__).parents[2] / "examples" / "tutorial"
RUN = """
import sys
sys.path.insert(0, sys.argv[1])
import app
from conductor import TaskRunner
with TaskRunner() as runner:
    runner.start_workers(app)
    runner.wait_workers()
"""


@pytest.fixture
def folder(tmp_path):
    """The files of the tutorial, in a folder that holds nothing else."""
    return shutil.copytree(TUTORIAL, tmp_path / "shop", ignore=shutil.ignore_patterns("__pycache__"))


def run(folder, *arguments, **variables):
    return subprocess.run(
        [sys.executable, *arguments],
        check=False,
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=50,
    )


def test_the_tests_of_the_tutorial_pass(folder):
    done = run(folder, "-m", "pytest", "-p", "no:cacheprovider")
    assert " 2 passed" in done.stdout, done.stdout


def test_an_order_is_paid_at_the_second_try(folder, start_program):
    with DevServer() as server, ApiClient(http_settings=HttpSettings(server.url)) as client:
        *tasks, order = json.loads((folder / "definitions" / "order.json").read_text())
        TaskExecutor(client).register_task_defs(*tasks)
        WorkflowExecutor(client).register_workflow(order)
        start_program(RUN, server.url, str(folder))
        done = run(folder, "buy.py", CONDUCTOR_SERVER_URL=server.url)
        assert done.stdout == "{'receipt': 'paid 3.60 EUR'}\n", done.stderr
        (found,) = WorkflowExecutor(client).search("status IN (COMPLETED)").results
        workflow = WorkflowExecutor(client).get_workflow(found.workflow_id)
    tries = [(task.reference_task_name, task.status, task.reason_for_incompletion) for task in workflow.tasks]
    failed = ("charge", "FAILED", "ConnectionError: the bank does not answer")
    assert tries == [("price", "COMPLETED", None), failed, ("charge", "COMPLETED", None)]
