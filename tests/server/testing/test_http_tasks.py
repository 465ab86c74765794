"""HTTP tasks of the embedded server: their threads, its clock, its end and its file."""

import threading

import pytest

from conductor.testing import DevServer
from support.remote import a_remote
from support.waiting import eventually


@pytest.fixture
def remote():
    with a_remote() as remote:
        yield remote


def start(http, **members):
    """Start a workflow of one HTTP task."""
    step = {"name": "call", "taskReferenceName": "call", "type": "HTTP", **members}
    workflow = {"name": "w", "version": 1, "tasks": [step], "schemaVersion": 2}
    assert http("PUT", "/api/metadata/workflow", [workflow]).status == 200
    return http.post("/api/workflow", {"name": "w"}).body.decode()


def status(http, workflow_id):
    return http.get(f"/api/workflow/{workflow_id}").json()["tasks"][-1]["status"]


def background_threads():
    return [thread for thread in threading.enumerate() if thread.name == "conductor-dev-background"]


def test_join_waits_for_the_answer(server, http, remote):
    workflow_id = start(http, inputParameters={"uri": remote.url, "method": "GET"})
    server.join()
    assert status(http, workflow_id) == "COMPLETED"


def test_no_thread_is_left_when_nothing_is_to_be_sent(server, http, remote):
    start(http, inputParameters={"uri": remote.url, "method": "GET"})
    server.join()
    eventually(lambda: not background_threads())


def test_the_end_of_the_server_ends_a_request(server, http, remote):
    start(http, inputParameters={"uri": f"{remote.url}/slow", "method": "GET", "readTimeOut": 60_000})
    eventually(lambda: remote.requests)
    server.stop()
    assert not background_threads()


def test_the_end_of_the_server_ends_the_pause_before_a_second_try(server, http, remote):
    remote.answers["/"] = [(503, b"", {"Retry-After": "60"})]
    start(http, inputParameters={"uri": remote.url, "method": "GET"})
    eventually(lambda: remote.requests)
    server.stop()
    assert not background_threads()


def test_a_request_without_an_answer_is_sent_again_by_the_next_server_on_the_file(connect, remote, tmp_path):
    db = tmp_path / "db"
    with DevServer(db=db) as server:
        given = {"uri": f"{remote.url}/slow", "method": "GET", "readTimeOut": 60_000}
        workflow_id = start(connect(server), inputParameters=given)
        eventually(lambda: remote.requests)
    remote.release.set()
    with DevServer(db=db) as server:
        http = connect(server)
        server.join()
        assert status(http, workflow_id) == "COMPLETED"
    assert len(remote.requests) == 2


def test_a_start_delay_and_the_delay_of_a_retry_follow_the_clock_of_the_server(server, http, remote):
    remote.answers["/"] = [(500, b"", {}), (200, b"{}", {})]
    definition = {"name": "call", "retryCount": 1, "retryDelaySeconds": 3600}
    assert http.post("/api/metadata/taskdefs", [definition]).status == 200
    workflow_id = start(http, startDelay=3600, inputParameters={"uri": remote.url, "method": "GET"})
    assert remote.requests == []
    server.clock.advance(3600)
    eventually(lambda: len(http.get(f"/api/workflow/{workflow_id}").json()["tasks"]) == 2)
    assert len(remote.requests) == 1
    server.clock.advance(3600)
    eventually(lambda: status(http, workflow_id) == "COMPLETED")


def test_a_task_that_times_out_does_not_get_the_answer(server, http, remote):
    definition = {"name": "call", "retryCount": 0, "timeoutSeconds": 10, "responseTimeoutSeconds": 10}
    assert http.post("/api/metadata/taskdefs", [definition]).status == 200
    given = {"uri": f"{remote.url}/slow", "method": "GET", "readTimeOut": 60_000}
    workflow_id = start(http, inputParameters=given)
    eventually(lambda: remote.requests)
    server.clock.advance(11)
    assert status(http, workflow_id) == "TIMED_OUT"
    remote.release.set()
    eventually(lambda: not background_threads())
    assert status(http, workflow_id) == "TIMED_OUT"


def test_more_requests_than_threads_are_all_sent(server, http, remote):
    step = {"type": "HTTP", "name": "call", "inputParameters": {"uri": remote.url, "method": "GET"}}
    branches = [[{**step, "taskReferenceName": f"h{number}"}] for number in range(30)]
    fork = {"name": "f", "taskReferenceName": "f", "type": "FORK_JOIN", "forkTasks": branches}
    join = {"name": "j", "taskReferenceName": "j", "type": "JOIN", "joinOn": ["h0"]}
    workflow = {"name": "w", "version": 1, "tasks": [fork, join], "schemaVersion": 2}
    assert http("PUT", "/api/metadata/workflow", [workflow]).status == 200
    http.post("/api/workflow", {"name": "w"})
    server.join()
    assert len(remote.requests) == 30
