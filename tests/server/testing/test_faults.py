"""``server.faults``: what goes wrong on demand, and that the project's own runner gets over it."""

import contextlib
import threading
import time
from datetime import timedelta

import pytest

from conductor import ConfigurationError
from conductor.testing.dev_server import DevServer
from support.waiting import eventually

GONE = (ConnectionError, OSError)


def test_a_status_is_answered_so_many_times_and_has_no_effect(server, http):
    http.start("one")
    task = http.poll("one")[0]
    server.faults.status("update", 503, 2)
    for _ in range(2):
        answer = http.finish(task)
        assert (answer.status, answer.json()["status"], answer.headers["connection"]) == (503, 503, "close")
    assert http.get(f"/api/tasks/{task['taskId']}").json()["status"] == "IN_PROGRESS"
    assert http.finish(task).status == 200
    assert server.faults.injected("status") == 2
    assert server.faults.seen("update") == 3


VERBS = {
    "status": lambda faults: faults.status("update", 503),
    "drop_before": lambda faults: faults.drop_before("update"),
    "drop_after": lambda faults: faults.drop_after("update"),
    "delay": lambda faults: faults.delay("update", 0.01),
}


@pytest.mark.parametrize("path", ["/api/tasks", "/api/tasks/update-v2"])
@pytest.mark.parametrize("verb", VERBS)
def test_a_fault_of_updates_meets_both_requests_that_bring_a_result(server, http, verb, path):
    http.start("one")
    task = http.poll("one")[0]
    VERBS[verb](server.faults)
    with contextlib.suppress(*GONE):
        http.finish(task, path=path)
    assert server.faults.injected(verb) == server.faults.seen("update") == 1


@pytest.mark.parametrize("verb", VERBS)
def test_a_fault_of_updates_meets_the_runner(server, http, runner, verb):
    http.start("one")
    VERBS[verb](server.faults)
    runner.start_worker("one", lambda task: {})
    eventually(lambda: server.faults.injected(verb) > 0)
    server.join(20)


def test_a_duplicate_stays_in_its_tasks_domain(server, http):
    http.start("one")
    assert http.post("/api/workflow", {"name": "flow", "taskToDomain": {"one": "blue"}}).status == 200
    server.faults.duplicate("one")
    first = http.poll("one", domain="blue")
    (other,) = http.poll("one")
    assert http.poll("one", domain="blue") == first
    assert other["taskId"] != first[0]["taskId"]


def test_a_status_may_have_a_body_and_headers_of_its_own(server, http):
    server.faults.status("poll", 429, body={"error": "slow down"}, headers={"Retry-After": "7"})
    server.faults.status("poll", 502, body="<html>bad gateway</html>")
    answer = http.get("/api/tasks/poll/batch/x")
    assert (answer.status, answer.json(), answer.headers["retry-after"]) == (429, {"error": "slow down"}, "7")
    answer = http.get("/api/tasks/poll/x")
    assert (answer.status, answer.media_type) == (502, "text/html;charset=UTF-8")


def test_drop_before_closes_the_connection_and_nothing_has_happened(server, http):
    http.start("one")
    task = http.poll("one")[0]
    server.faults.drop_before("update")
    with pytest.raises(GONE):
        http.finish(task)
    assert http.get(f"/api/tasks/{task['taskId']}").json()["status"] == "IN_PROGRESS"


def test_drop_after_closes_the_connection_and_it_has_happened(server, http):
    http.start("one")
    task = http.poll("one")[0]
    server.faults.drop_after("POST /tasks")
    with pytest.raises(GONE):
        http.finish(task)
    assert http.get(f"/api/tasks/{task['taskId']}").json()["status"] == "COMPLETED"


def test_delay_makes_an_answer_late(server, http):
    server.faults.delay("GET /api/tasks/queue/all", 0.2)
    started = time.monotonic()
    http.get("/api/tasks/queue/all")
    assert time.monotonic() - started >= 0.2


def test_a_delay_ends_with_the_server(connect):
    answers = []
    with DevServer() as server:
        server.faults.delay("poll", 60)
        poller = threading.Thread(target=lambda: answers.append(connect(server).get("/api/tasks/poll/x")))
        poller.start()
        while not server.faults.injected("delay"):
            time.sleep(0.01)
    poller.join(20)
    assert answers  # were it not the end of the server that ended the wait, the connection would have been cut


def test_faults_of_one_operation_leave_the_others_alone(server, http):
    server.faults.status("GET /tasks/{taskId}", 500)
    assert http.get("/api/tasks/queue/all").status == 200
    assert http.get("/api/tasks/anything").status == 500
    assert http.get("/api/tasks/anything").status == 404


def test_a_duplicate_comes_in_the_same_answer_where_that_has_room(server, http):
    http.start("one")
    server.faults.duplicate("one")
    ids = [task["taskId"] for task in http.poll("one", count=3)]
    assert (len(ids), len(set(ids))) == (2, 1)


def test_a_duplicate_without_room_comes_with_the_next_poll(server, http):
    http.start("one")
    server.faults.duplicate("one")
    first, again = http.poll("one"), http.poll("one")
    assert [task["taskId"] for task in first] == [task["taskId"] for task in again]
    assert http.poll("one", timeout=1) == []
    assert server.faults.injected("duplicate") == 1


def test_an_outage_ends_with_its_block(server, http):
    with server.faults.outage():
        with pytest.raises(GONE):
            http.get("/health")
        with pytest.raises(GONE):
            http.get("/health")
    assert http.get("/health").status == 200


def test_an_outage_of_seconds_goes_by_the_servers_clock(server, http):
    outage = server.faults.outage(60)
    with pytest.raises(GONE):
        http.get("/health")
    server.clock.advance(60)
    assert http.get("/health").status == 200
    outage.end()


def test_an_outage_cuts_a_poll_that_waits(server, connect):
    failed = []

    def wait():
        try:
            connect(server).poll("x", timeout=5000)
        except GONE as error:
            failed.append(error)

    poller = threading.Thread(target=wait)
    poller.start()
    while not server.faults.seen("poll"):
        time.sleep(0.01)
    with server.faults.outage():
        poller.join(20)
    assert failed  # the poll by itself would have been answered


def test_clear_takes_back_what_has_not_happened(server, http):
    server.faults.status("poll", 500, 10)
    server.faults.outage()
    server.faults.clear()
    assert http.get("/api/tasks/poll/x").status == 204
    assert server.faults.injected("status") == 0


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (lambda faults: faults.status("pol", 500), "operation must be poll, update, update_v2, token or a METHOD"),
        (lambda faults: faults.drop_before("GET /nosuch"), "operation must be"),
        (lambda faults: faults.drop_after("poll", 0), "times must be a whole number of 1 or more, not 0"),
        (lambda faults: faults.duplicate("x", -1), "times must be"),
        (lambda faults: faults.delay("poll", -1), "seconds must be at least 0 s"),
        (lambda faults: faults.status("poll", 99), "code must be an HTTP status"),
    ],
)
def test_an_order_that_cannot_work_is_refused(server, order, message):
    with pytest.raises(ValueError, match=message):
        order(server.faults)


def test_each_fault_happens_exactly_as_often_as_ordered_under_threads(server, connect):
    server.faults.status("GET /health", 503, 20)
    statuses = []

    def ask():
        http = connect(server)
        statuses.extend(http.get("/health").status for _ in range(10))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(statuses) == [200] * 60 + [503] * 20
    assert server.faults.seen("GET /health") == 80


def test_the_runner_gets_over_lost_answers_and_copies(server, http, runner, caplog):
    workflow = http.start("one")
    executed = []

    def until_the_copy_has_come(task):
        """One that comes after the result is a new delivery to the runner, which would rightly run it."""
        executed.append(task.task_id)
        eventually(lambda: "ignored a task that is running already" in caplog.text)

    server.faults.drop_after("update_v2")
    server.faults.drop_before("update_v2")
    server.faults.status("poll", 500)
    server.faults.duplicate("one")
    runner.start_worker("one", until_the_copy_has_come, batch_size=2)
    server.join(20)
    assert http.get(f"/api/workflow/{workflow}").json()["status"] == "COMPLETED"
    assert len(executed) == 1


def test_the_runner_gets_over_an_outage(server, http, runner, caplog):
    """It begins before the first poll: one that is cut while it waits takes the task with it, as on a real server."""
    with server.faults.outage():
        runner.start_worker("one", lambda task: {})
        eventually(lambda: "polls fail" in caplog.text)
    http.start("one")
    server.join(20)


def test_a_delay_and_an_outage_may_be_timedeltas(server, http):
    server.faults.delay("GET /health", timedelta(milliseconds=50))
    started = time.monotonic()
    assert http.get("/health").status == 200
    assert time.monotonic() - started >= 0.05
    server.faults.outage(timedelta(minutes=1))
    assert server.faults.out()
    server.clock.advance(timedelta(minutes=1))
    assert not server.faults.out()


@pytest.mark.parametrize("order", ["delay", "outage"])
def test_a_time_that_cannot_work_is_refused(server, order):
    arguments = ["poll", "1"] if order == "delay" else ["1"]
    with pytest.raises(ConfigurationError, match="seconds must be a number of seconds or a timedelta"):
        getattr(server.faults, order)(*arguments)
    assert not server.faults.out()
