"""With a dev server in the same process the end of a worker waits for no poll, and no task is lost by that."""

import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from conductor import ApiClient, AuthenticationSettings, HttpSettings, TaskExecutor, TaskRunner, WorkflowExecutor
from conductor.testing.dev_server import DevServer
from support.waiting import eventually

AT_ONCE = 0.5  # seconds; it is a few milliseconds, but the machine may be busy, and the poll lasts for 5


def client_of(server, key=None):
    return ApiClient(key or AuthenticationSettings("", ""), HttpSettings(server.url))


def took(action):
    started = time.monotonic()
    action()
    return time.monotonic() - started


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"domain": "blue"},
        {"poll_timeout": 5},
        {"batch_size": 10, "poll_timeout": 5},
        {"poll_interval": 60, "poll_timeout": 5},
    ],
    ids=str,
)
@pytest.mark.parametrize("idle", [True, False], ids=["while it polls", "when it has just begun"])
def test_a_runner_ends_at_once(options, idle):
    with DevServer() as server:
        with TaskRunner(client_of(server)) as runner:
            for name in ("one", "two"):
                runner.start_worker(name, lambda task: {}, **options)
            if idle:
                eventually(lambda: len(TaskExecutor(client_of(server)).poll_data()) == 2)
            started = time.monotonic()
        assert time.monotonic() - started < AT_ONCE
        assert took(server.stop) < AT_ONCE


@pytest.mark.parametrize("options", [{"hold_until_count": True}, {"key": AuthenticationSettings("a", "b")}], ids=str)
def test_a_runner_ends_at_once_at_any_kind_of_dev_server(options):
    with DevServer(**options) as server:
        with TaskRunner(client_of(server, AuthenticationSettings("a", "b") if "key" in options else None)) as runner:
            runner.start_worker("one", lambda task: {}, poll_timeout=5)
            eventually(lambda: server.faults.seen("poll"))
            started = time.monotonic()
        assert time.monotonic() - started < AT_ONCE


def test_one_worker_of_a_runner_ends_at_once_and_the_others_go_on(server, http, runner):
    runner.start_worker("one", lambda task: {}, poll_timeout=5)
    runner.start_worker("two", lambda task: {}, poll_timeout=5)
    eventually(lambda: server.faults.seen("poll") == 2)
    runner.shutdown("one")
    eventually(lambda: runner.get_batch_size_for_task("one") == 0)
    http.start("two")
    server.join(10)
    assert server.faults.seen("poll") < 10  # and nobody polls in a hurry


def test_a_worker_that_is_started_again_waits_for_its_tasks_again(server, runner):
    runner.start_worker("one", lambda task: {}, poll_timeout=5)
    runner.shutdown()
    assert runner.wait_workers()
    before = server.faults.seen("poll")
    runner.start_worker("one", lambda task: {}, poll_timeout=5)
    eventually(lambda: server.faults.seen("poll") == before + 1)
    assert not runner.wait_workers(timeout=0.3)
    assert server.faults.seen("poll") == before + 1


def test_the_rest_of_a_drain_that_was_given_up_hurries_no_later_worker(server, http):
    release = threading.Event()
    http.start("one")
    with client_of(server) as client:
        with TaskRunner(client, worker_id="w", shutdown_timeout=0.05) as first:
            first.start_worker("one", lambda task: release.wait(10) and {}, poll_timeout=0.1)
            eventually(lambda: http.get("/api/tasks/queue/size?taskType=one").json() == 0)
        with TaskRunner(client, worker_id="w") as second:
            second.start_worker("one", lambda task: {}, poll_timeout=5)
            before = server.faults.seen("poll")
            eventually(lambda: server.faults.seen("poll") > before)
            before = server.faults.seen("poll")
            assert not second.wait_workers(timeout=0.3)
            assert server.faults.seen("poll") <= before + 2  # the last poll of the first one may have been under way
            release.set()


def test_no_task_is_lost_when_workers_end_while_tasks_come(server, http):
    """Each start of a workflow races with the end of a worker."""
    http.start("one")
    workflows = WorkflowExecutor(client_of(server))
    total, executed = 60, []
    feed = threading.Thread(target=lambda: [workflows.start_workflow("flow") for _ in range(total - 1)])
    feed.start()
    while feed.is_alive():
        with TaskRunner(client_of(server), shutdown_timeout=5) as runner:
            runner.start_worker("one", lambda task: executed.append(task.task_id), batch_size=3)
    feed.join()
    with TaskRunner(client_of(server)) as runner:
        runner.start_worker("one", lambda task: executed.append(task.task_id), batch_size=3)
        server.join(20)
    assert len(set(executed)) == total
    assert http.get("/api/workflow/search?query=status%3DCOMPLETED").json()["totalHits"] == total


def task(kind, name, **members):
    return {"type": kind, "name": name, "taskReferenceName": name, **members}


ENDLESS = [
    task("DO_WHILE", "loop", loopCondition="true", loopOver=[task("SET_VARIABLE", "set", inputParameters={"a": 1})])
]


def start_what_never_ends(http):
    """Five loops, and a workflow beside them; returns its id."""
    for definition in ({"name": "endless", "tasks": ENDLESS}, {"name": "flow", "tasks": [task("SIMPLE", "one")]}):
        assert http.post("/api/metadata/workflow", definition).status == 200
    for _ in range(5):
        assert http.post("/api/workflow", {"name": "endless"}).status == 200
    return http.post("/api/workflow", {"name": "flow"}).body.decode()


@pytest.mark.timeout(30)
def test_stop_ends_a_server_whatever_its_workflows_do(server, http):
    workflow = start_what_never_ends(http)
    with TaskRunner(client_of(server)) as runner:
        runner.start_worker("one", lambda task: {})
        eventually(lambda: http.get(f"/api/workflow/{workflow}").json()["status"] == "COMPLETED")
    assert took(server.stop) < 2


@pytest.mark.timeout(30)
def test_sigterm_ends_the_module_whatever_its_workflows_do(connect):
    command = [sys.executable, "-m", "conductor.testing", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            server = SimpleNamespace(url=process.stdout.readline().strip())
            start_what_never_ends(connect(server))
            process.terminate()
            assert process.wait(10) == 0
        finally:
            process.kill()
