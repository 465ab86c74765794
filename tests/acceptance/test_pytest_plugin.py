"""The pytest plugin in a user's own test run: asked for, it is there; not asked for, it is not."""

import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.timeout(120)

TEST_FILE = """
def greet(task):
    return {"greeting": f"Hello {task.input_data['name']}"}


def test_greet(conductor_dev_server, conductor_api_client, conductor_task_runner):
    from conductor import WorkflowDef, WorkflowExecutor, WorkflowTask

    workflows = WorkflowExecutor(conductor_api_client)
    step = WorkflowTask("greet", "greet", input_parameters={"name": "${workflow.input.name}"})
    workflows.register_workflow(WorkflowDef("greeting", [step], owner_email="team@example.com"))
    workflow_id = workflows.start_workflow("greeting", {"name": "Ada"})
    conductor_task_runner.start_worker("greet", greet)
    conductor_dev_server.join(30)
    assert workflows.get_workflow(workflow_id).output == {"greeting": "Hello Ada"}


def test_each_test_has_a_server_of_its_own(conductor_api_client):
    from conductor import TaskExecutor

    assert "greet" not in TaskExecutor(conductor_api_client).queue_sizes()


def test_a_function_alone():
    from conductor.testing import run_worker

    assert run_worker(greet, {"name": "Ada"}).output_data == {"greeting": "Hello Ada"}
"""


def pytest_in(folder, *arguments):
    return subprocess.run(  # noqa: PLW1510 - the outcome is what is tested
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_a_users_test_file_needs_no_more_than_the_plugins_name(tmp_path):
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["conductor.testing.pytest_plugin"]\n')
    (tmp_path / "test_greet.py").write_text(TEST_FILE)
    done = pytest_in(tmp_path, "-W", "error")
    assert "3 passed" in done.stdout, done.stdout


ENDS = """
import pytest


@pytest.mark.parametrize("number", range(20))
def test_start(conductor_task_runner, number):
    conductor_task_runner.start_worker("greet", lambda task: {})
"""


def test_tests_that_start_a_worker_end_at_once(tmp_path):
    """Each of the twenty waited a second for its poll once."""
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["conductor.testing.pytest_plugin"]\n')
    (tmp_path / "test_ends.py").write_text(ENDS)
    done = pytest_in(tmp_path, "-W", "error", "-p", "no:cacheprovider", "--durations=0", "-vv")
    assert "20 passed" in done.stdout, done.stdout
    teardowns = map(float, re.findall(r"(\d+\.\d+)s teardown", done.stdout))  # without those of less than 5 ms
    assert max(teardowns, default=0.0) < 0.5, done.stdout


def test_it_works_with_xdist(tmp_path):
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["conductor.testing.pytest_plugin"]\n')
    (tmp_path / "test_greet.py").write_text(TEST_FILE)
    done = pytest_in(tmp_path, "-n", "2")
    assert "3 passed" in done.stdout, done.stdout


def test_installing_the_package_changes_no_ones_test_run(tmp_path):
    (tmp_path / "test_none.py").write_text("def test(): pass\n")
    done = pytest_in(tmp_path, "--fixtures", "-v")
    assert "monkeypatch" in done.stdout
    assert "conductor_" not in done.stdout
