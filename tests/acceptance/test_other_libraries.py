"""Workers of other libraries, as the registries have them, on the embedded server: the interface is Conductor's.

Each library is installed at the first use into a folder of its own, which is kept. (conductor-python has a top-level
package ``conductor``, too.) The package of the Go SDK has workers of its own, in its tests. The packages of the other
libraries hold no examples, so their workers are written here as their documentation shows it.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from benchmarks.peers import conductor_python, go_worker, javascript_modules
from conductor import TaskDef, TaskExecutor, WorkflowDef, WorkflowExecutor, WorkflowTask
from support.waiting import eventually

WORKERS = Path(__file__).parent / "workers"


@pytest.fixture
def run(client):
    """Runs a workflow of the one task ``greet`` to its end: run(input) returns it."""
    workflows = WorkflowExecutor(client)
    TaskExecutor(client).register_task_defs(TaskDef(name="greet", retry_count=0, owner_email="team@example.com"))
    step = WorkflowTask(name="greet", task_reference_name="step", input_parameters={"name": "${workflow.input.name}"})
    workflows.register_workflow(WorkflowDef(name="greeting", owner_email="team@example.com", tasks=[step]))

    def run(given):
        workflow_id = workflows.start_workflow("greeting", given)
        eventually(lambda: workflows.get_workflow(workflow_id).status != "RUNNING", timeout=30)
        return workflows.get_workflow(workflow_id)

    return run


class Library(NamedTuple):
    command: Callable
    """Makes the command that runs the worker. It may install the library first."""
    worker_id: str
    updates: str
    """The operation that takes its results."""


def python_command(tmp_path):
    return [conductor_python(), "-I", shutil.copy(WORKERS / "python_worker.py", tmp_path)]


def javascript_command(tmp_path):
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node or npm is not installed")
    try:
        modules = javascript_modules(WORKERS / "javascript")
    except subprocess.SubprocessError as error:
        pytest.skip(f"npm cannot install the JavaScript SDK: {error}")
    (tmp_path / "node_modules").symlink_to(modules)
    return ["node", shutil.copy(WORKERS / "javascript" / "worker.mjs", tmp_path)]


def go_command(tmp_path):
    go_with_modules(WORKERS / "go")
    return [go_worker(tmp_path, WORKERS / "go")]


def go_with_modules(folder):
    """The program ``go``. It has downloaded the modules that the module in the folder needs."""
    go = shutil.which("go")
    if not go:
        pytest.skip("go is not installed")
    if subprocess.run([go, "mod", "download"], cwd=folder, check=False, timeout=100).returncode:
        pytest.skip("go cannot download the Go SDK")
    return go


def go_sdk_tests(tmp_path):
    """The Go SDK's own tests against a server, as a program."""
    find = [go_with_modules(WORKERS / "go"), "list", "-m", "-f", "{{.Dir}}", "github.com/conductor-sdk/conductor-go"]
    sdk = subprocess.run(find, cwd=WORKERS / "go", check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    program = tmp_path / "go-tests"
    command = [go_with_modules(sdk), "test", "-c", "-o", program, "./test/integration_tests"]
    subprocess.run(command, cwd=sdk, check=True)
    return program


LIBRARIES = {
    "conductor-python": Library(python_command, "another library", "update_v2"),
    "the JavaScript SDK": Library(javascript_command, "another library", "update_v2"),
    "the Go SDK": Library(go_command, socket.gethostname(), "POST /tasks"),
}


@pytest.fixture(params=LIBRARIES)
def library(request):
    return LIBRARIES[request.param]


def environment(server, home):
    return {"PATH": os.environ["PATH"], "HOME": str(home), "CONDUCTOR_SERVER_URL": server.url}


@pytest.fixture
def worker(library, server, tmp_path):
    """The worker of a library as a process. The server's URL is the only thing that it must be told."""
    process = subprocess.Popen(
        library.command(tmp_path),
        env=environment(server, tmp_path),
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


def test_a_worker_of_another_library_runs_unchanged_on_the_embedded_server(library, worker, run, server):
    done = run({"name": "Ada"})
    (task,) = done.tasks
    assert (done.status, task.status, task.worker_id) == ("COMPLETED", "COMPLETED", library.worker_id)
    assert (task.poll_count, task.output_data) == (1, {"greeting": "Hello Ada"})

    failed = run({"name": ""})
    (task,) = failed.tasks
    assert (failed.status, task.status, task.worker_id) == ("FAILED", "FAILED", library.worker_id)
    assert "nobody to greet" in task.reason_for_incompletion
    updates = {operation: server.faults.seen(operation) for operation in ("update_v2", "POST /tasks")}
    assert updates == {"update_v2": 0, "POST /tasks": 0, library.updates: 2}  # none was refused and sent again

    output, _ = worker.communicate(timeout=20)  # closes its input
    assert worker.returncode == 0
    assert "Error in run_once" not in output


WORKFLOWS_OF_THE_GO_SDK = {
    "TestWorkerBatchSize": {("TEST_GO_WORKFLOW_SIMPLE", "COMPLETED"): 20},
    "TestFaultyWorker": {("TEST_GO_FAULTY_WORKFLOW", "FAILED"): 1},
    "TestWorkerWithNonRetryableError": {("TEST_GO_NON_RETRYABLE_ERROR_WF", "FAILED"): 1},
    "TestInlineTask": {("TEST_GO_WORKFLOW_INLINE_TASK", "COMPLETED"): 11},
}
"""Of each test. Most others have no worker. Some need a server of Orkes, the internet, Kafka or SQS."""


def test_the_workers_that_the_go_sdk_holds_run_unchanged_on_the_embedded_server(client, server, tmp_path):
    pattern = f"^({'|'.join(WORKFLOWS_OF_THE_GO_SDK)})$"
    command = [go_sdk_tests(tmp_path), "-test.v", "-test.run", pattern]
    done = subprocess.run(
        command,
        env=environment(server, tmp_path),
        check=False,
        timeout=60,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    passed = set(re.findall(r"^--- PASS: (\w+)", done.stdout, re.MULTILINE))
    assert (passed, done.returncode) == (WORKFLOWS_OF_THE_GO_SDK.keys(), 0), done.stdout

    found = WorkflowExecutor(client).search(size=100).results  # these tests do not look at the end of each workflow
    ended = Counter((summary.workflow_type, summary.status) for summary in found)
    assert ended == Counter({key: n for each in WORKFLOWS_OF_THE_GO_SDK.values() for key, n in each.items()})
