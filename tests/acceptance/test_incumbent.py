"""A worker of another library, conductor-python as PyPI has it, on the embedded server: the interface is Conductor's.

Both libraries have a top-level package ``conductor``, so that one lives in a virtual environment of its own, which is
made at the first use and kept.
"""

import contextlib
import os
import signal
import subprocess

import pytest

from benchmarks.peers import conductor_python
from conductor import ApiClient, HttpSettings, TaskDef, TaskExecutor, WorkflowDef, WorkflowExecutor, WorkflowTask
from support.waiting import eventually

WORKER = """
import sys

from conductor.client.automator.task_handler import TaskHandler
from conductor.client.configuration.configuration import Configuration
from conductor.client.worker.worker_task import worker_task


@worker_task(task_definition_name="greet", worker_id="incumbent")
def greet(name: str) -> dict:
    if not name:
        raise ValueError("nobody to greet")
    return {"greeting": f"Hello {name}"}


if __name__ == "__main__":
    with TaskHandler(configuration=Configuration()) as handler:
        handler.start_processes()
        sys.stdin.read()  # until the test closes it
"""


@pytest.fixture(scope="session")
def incumbent_python():
    return conductor_python()


@pytest.fixture
def run(server):
    """Runs a workflow of the one task ``greet`` to its end: run(input) returns it."""
    with ApiClient(http_settings=HttpSettings(server.url)) as client:
        workflows = WorkflowExecutor(client)
        TaskExecutor(client).register_task_defs(TaskDef(name="greet", retry_count=0, owner_email="team@example.com"))
        step = WorkflowTask(
            name="greet", task_reference_name="step", input_parameters={"name": "${workflow.input.name}"}
        )
        workflows.register_workflow(WorkflowDef(name="greeting", owner_email="team@example.com", tasks=[step]))

        def run(given):
            workflow_id = workflows.start_workflow("greeting", given)
            eventually(lambda: workflows.get_workflow(workflow_id).status != "RUNNING", timeout=30)
            return workflows.get_workflow(workflow_id)

        yield run


@pytest.fixture
def incumbent_worker(server, incumbent_python, tmp_path):
    """The worker above, unchanged, as a process. What it needs to know of us is the server's URL."""
    program = tmp_path / "worker.py"
    program.write_text(WORKER)
    process = subprocess.Popen(
        [incumbent_python, "-I", program],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "CONDUCTOR_SERVER_URL": server.url},
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    yield process
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # the processes that it has started, too
    process.communicate()


@pytest.mark.timeout(120)  # it may be installed first
def test_a_worker_of_another_library_runs_unchanged_on_the_embedded_server(incumbent_worker, run, server):
    done = run({"name": "Ada"})
    (task,) = done.tasks
    assert (done.status, task.status, task.worker_id) == ("COMPLETED", "COMPLETED", "incumbent")
    assert (task.poll_count, task.output_data) == (1, {"greeting": "Hello Ada"})

    failed = run({"name": ""})
    (task,) = failed.tasks
    assert (failed.status, task.status, task.worker_id) == ("FAILED", "FAILED", "incumbent")
    assert "nobody to greet" in task.reason_for_incompletion
    assert server.faults.seen("update_v2") == 2  # one for each task: none was refused and sent again
    assert server.faults.seen("POST /tasks") == 0

    output, _ = incumbent_worker.communicate(timeout=20)  # closes its input
    assert incumbent_worker.returncode == 0
    assert "Error in run_once" not in output
