"""The pytest plugin in a user's own test run: asked for, it is there; not asked for, it is not."""

import re
import subprocess
import sys

import pytest

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
    assert sum(seconds > 0.5 for seconds in teardowns) < 10, done.stdout  # a busy machine may stop one or two


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


CHAOS = """
import pytest
from conductor import WorkflowDef, WorkflowExecutor, worker_task

PAID = []


@worker_task("charge")
def charge() -> None:
    PAID.append(1)


def run(server, client, runner):
    PAID.clear()
    workflows = WorkflowExecutor(client)
    workflows.register_workflow(WorkflowDef("order", [charge.step("charge")], owner_email="team@example.com"))
    runner.start_workers(charge)
    workflow_id = workflows.start_workflow("order")
    server.join(20)
    assert workflows.get_workflow_status(workflow_id).status == "COMPLETED"


def test_it_completes(conductor_dev_server, conductor_api_client, conductor_task_runner):
    run(conductor_dev_server, conductor_api_client, conductor_task_runner)


def test_it_pays_once(conductor_dev_server, conductor_api_client, conductor_task_runner):
    run(conductor_dev_server, conductor_api_client, conductor_task_runner)
    assert len(PAID) == 1


@pytest.mark.parametrize("conductor_chaos", [None])
def test_without_faults(conductor_dev_server):
    assert conductor_dev_server.chaos is None


@pytest.mark.parametrize(("name", "conductor_chaos"), [("a", 70), ("b", 71)])
def test_with_seeds_of_its_own(conductor_dev_server, name):
    assert conductor_dev_server.chaos.seed == {"a": 70, "b": 71}[name]


def test_the_seed_is_a_fixture(conductor_chaos):
    assert conductor_chaos is None or conductor_chaos in range(9)


def test_without_a_server():
    pass
"""


@pytest.fixture
def chaos_folder(tmp_path):
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["conductor.testing.pytest_plugin"]\n')
    (tmp_path / "test_order.py").write_text(CHAOS)
    return tmp_path


def test_each_test_with_a_server_runs_under_each_seed(chaos_folder):
    done = pytest_in(chaos_folder, "-W", "error", "--conductor-chaos", "9", "-v", "-rA", "-n", "2")
    failed = set(re.findall(r"^FAILED test_order\.py::(\S+)", done.stdout, re.MULTILINE))
    assert len(failed) == 2, done.stdout  # the seeds under which the function runs twice
    assert all(re.fullmatch(r"test_it_pays_once\[chaos-\d\]", name) for name in failed)
    assert "2 failed, 29 passed" in done.stdout, done.stdout
    for name in failed:
        seed = name.split("-")[1].rstrip("]")
        assert f"DevServer(chaos={seed}) made these faults:\ncharge number 1: " in done.stdout


def test_one_seed_is_chosen_by_the_name_of_its_test(chaos_folder):
    done = pytest_in(chaos_folder, "--conductor-chaos", "9", "test_order.py::test_it_completes[chaos-4]")
    assert "1 passed" in done.stdout, done.stdout


def test_without_the_option_a_test_runs_once_and_without_faults(chaos_folder):
    done = pytest_in(chaos_folder, "-W", "error")
    assert "7 passed" in done.stdout, done.stdout


def test_a_number_of_seeds_that_is_none_is_refused(chaos_folder):
    done = pytest_in(chaos_folder, "--conductor-chaos", "many")
    assert done.returncode == 4
    assert "must be a number of seeds, not 'many'" in done.stderr
