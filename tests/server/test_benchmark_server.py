"""The task server of the benchmarks answers as Conductor does."""

import json
import sys
import time

import pytest
import urllib3

from benchmarks.server.settings import ServerSettings
from benchmarks.server_process import ServerProcess

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it uses epoll")


@pytest.fixture
def serve():
    """serve(**settings) → its process."""
    servers = []

    def serve(**settings):
        servers.append(ServerProcess(ServerSettings(**settings)))
        return servers[-1]

    yield serve
    for server in servers:
        server.__exit__()


@pytest.fixture
def http():
    with urllib3.PoolManager(retries=False) as pool:
        yield pool


def poll(http, server, count=1, timeout=0, name="bench_0"):
    return http.request("GET", f"{server.url}/tasks/poll/batch/{name}?count={count}&timeout={timeout}").json()


def complete(http, server, task, path="/tasks", **members):
    result = {"taskId": task["taskId"], "workflowInstanceId": task["workflowInstanceId"], "status": "COMPLETED"}
    return http.request("POST", server.url + path, json=result | members)


def test_there_are_always_tasks_of_each_type_each_with_an_id_of_its_own(serve, http):
    server = serve(types=2)
    tasks = poll(http, server, 3) + poll(http, server, 2, name="bench_1")
    assert [task["taskDefName"] for task in tasks] == ["bench_0"] * 3 + ["bench_1"] * 2
    assert len({task["taskId"] for task in tasks}) == 5
    assert http.request("GET", f"{server.url}/tasks/poll/bench_1").json()["taskType"] == "bench_1"


@pytest.mark.parametrize("size", [1_000, 100_000, 1_000_000])
def test_inputs_have_the_size_that_was_asked_for(serve, http, size):
    (task,) = poll(http, serve(input_bytes=size))
    assert size <= len(json.dumps(task["inputData"])) <= 1.2 * size


def test_an_update_answers_with_the_id_and_an_update_v2_with_the_next_task_of_the_type(serve, http):
    server = serve(types=2)
    (task,) = poll(http, server, name="bench_1")
    following = complete(http, server, task, "/tasks/update-v2").json()
    assert following["taskDefName"] == "bench_1"
    assert following["taskId"] != task["taskId"]
    assert complete(http, server, following).data.decode() == following["taskId"]
    assert server.stats().completed == 2


def test_results_that_are_repeated_or_bad_are_counted_apart(serve, http):
    server = serve()
    one, two = poll(http, server, 2)
    complete(http, server, one)
    complete(http, server, one)
    complete(http, server, two, status="FAILED")
    stats = server.stats()
    assert (stats.completed, stats.unexpected, stats.failed) == (1, 1, 1)


def test_a_server_may_have_no_update_v2(serve, http):
    server = serve(update_v2=False)
    assert complete(http, server, poll(http, server)[0], "/tasks/update-v2").status == 405
    assert server.stats().completed == 0


def test_first_answers_a_poll_with_what_is_there_and_fill_waits_for_as_many_as_were_asked_for(serve, http):
    first, fill = serve(hold="first", arrivals=50), serve(hold="fill", arrivals=50)
    assert len(poll(http, first, 10, 5000)) == 1
    assert len(poll(http, fill, 10, 5000)) == 10


def test_a_poll_that_waits_ends_after_its_timeout(serve, http):
    server = serve(arrivals=0)
    began = time.monotonic()
    assert poll(http, server, timeout=300) == []
    assert time.monotonic() - began >= 0.29


def test_the_time_from_available_to_started_is_told_once(serve, http):
    server = serve(arrivals=100)
    (task,) = poll(http, server, 1, 5000)
    complete(http, server, task, outputData={"started": time.time_ns()})
    (milliseconds,) = server.stats().to_start
    assert 0 <= milliseconds < 5000
    assert server.stats().to_start == []


def test_each_answer_comes_later_by_the_latency(serve, http):
    server = serve(latency=0.05)
    began = time.monotonic()
    (task,) = poll(http, server)
    complete(http, server, task)
    assert time.monotonic() - began >= 0.1


def test_another_path_is_not_found(serve, http):
    answer = http.request("GET", f"{serve().url}/nothing")
    assert (answer.status, answer.json()["message"]) == (404, "No static resource /api/nothing.")
