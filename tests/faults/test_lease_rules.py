"""Extensions of leases: what they say, and that they are sent before a repeated result, and never beside or after one.

The runner's and the server's clock are one, which stands still until a test moves it.
"""

import asyncio
import threading

import pytest

from conductor import task_context
from support.places import PLACES, start_in, to_do
from support.raw_faults import Status, answer_soundly, conductor_error
from support.waiting import eventually

in_each_place = pytest.mark.parametrize("place", PLACES)
ENDS_SOON = 20


@pytest.fixture
def clock(server, clock):
    """Of the runner and of the server, whose leases end by it."""
    server._clock = clock.now
    return clock


@pytest.fixture
def file(tmp_path):
    """Functions wait for it."""
    yield tmp_path / "now"
    (tmp_path / "now").touch()


@in_each_place
def test_an_extension_says_whose_it_is_and_changes_nothing_else(server, runner, clock, file, place):
    task_id = server.add_task("t", inputData=to_do("wait_for", str(file)), responseTimeoutSeconds=30)
    start_in(place, runner, lease_extension=True)
    clock.run_until(lambda: server.extensions[task_id] >= 2, step=0.5)
    for request in server.of("extend"):
        sent = request.json()
        assert (request.method, request.path) == ("POST", "/api/tasks")
        assert (sent["taskId"], sent["workflowInstanceId"]) == (task_id, server.task(task_id)["workflowInstanceId"])
        assert (sent["status"], sent["extendLease"], sent["workerId"]) == ("IN_PROGRESS", True, "worker-1")
        assert not sent.get("outputData")
        assert not sent.get("callbackAfterSeconds")
    file.touch()
    eventually(lambda: server.accepted == {task_id: "COMPLETED"})
    assert not server.expiries
    assert not server.requeues


@in_each_place
def test_none_is_sent_once_the_result_is_accepted(server, runner, clock, file, place):
    server.add_task("t", inputData=to_do("echo"), responseTimeoutSeconds=30)
    running = server.add_task("t", inputData=to_do("wait_for", str(file)), responseTimeoutSeconds=30)
    start_in(place, runner, lease_extension=True)
    clock.run_until(lambda: server.extensions[running] >= 4, step=0.5)
    assert server.extensions.keys() == {running}


@in_each_place
def test_none_is_sent_for_a_task_that_is_left_to_the_server(server, runner, clock, file, place):
    """It is put off, and waits in its queue."""
    server.add_task("t", inputData=to_do("answer_later", 3600), responseTimeoutSeconds=30)
    running = server.add_task("t", inputData=to_do("wait_for", str(file)), responseTimeoutSeconds=30)
    start_in(place, runner, lease_extension=True)
    clock.run_until(lambda: server.extensions[running] >= 3, step=0.5)
    assert server.extensions.keys() == {running}


def test_the_lease_is_extended_before_a_result_is_sent_again_and_not_before_the_first_time(server, runner, clock, gate):
    """Though it is not due: each attempt may get no answer for long."""
    server.fault("any_update", Status(500), first=2)
    task_id = server.add_task("t", responseTimeoutSeconds=3)  # extensions are due after a second at the earliest
    runner.start_worker("t", gate, lease_extension=True)
    gate.inside.get(timeout=ENDS_SOON)
    clock.advance(0.4)
    gate.opened.set()

    def pauses():
        return [seconds for name, seconds in clock.waits if "work" in name and seconds]

    eventually(lambda: len(pauses()) == 1)
    clock.advance(0.5)  # 0.9 so far
    eventually(lambda: len(pauses()) == 2)
    clock.advance(0.8)
    eventually(lambda: server.accepted == {task_id: "COMPLETED"})
    sent = [request.operation for request in server.requests if request.operation in ("extend", "update", "update_v2")]
    assert sent == ["update_v2", "extend", "update", "extend", "update"]


def test_a_lease_is_extended_while_its_result_waits_for_long(server, runner, clock):
    server.fault("any_update", Status(429, headers={"Retry-After": "60"}), first=1)
    task_id = server.add_task("t", responseTimeoutSeconds=10)
    runner.start_worker("t", lambda task: None, lease_extension=True)
    eventually(lambda: server.counts["update_v2"])
    clock.run_until(lambda: server.accepted == {task_id: "COMPLETED"})
    assert server.counts["extend"] >= 60 // 5


def test_none_is_sent_for_a_result_that_is_given_up(server, runner, clock, lost):
    server.fault("any_update", Status(503))
    server.fault("extend", Status(503))
    server.add_task("t", responseTimeoutSeconds=30)
    runner.start_worker("t", lambda task: None, lease_extension=True)
    eventually(lambda: server.counts["update_v2"])
    runner.pause()  # the server delivers the task again when its lease has ended
    clock.run_until(lambda: lost, step=5)
    eventually(lambda: not runner.health().workers[0].in_hand)
    sent, later = server.counts["extend"], clock.now() + 120
    clock.run_until(lambda: clock.now() >= later, step=1)
    assert server.counts["extend"] == sent > 0


def test_none_is_sent_while_an_update_is_under_way(server, runner, clock, gate):
    """The server could write the task's old state over the result."""
    release = threading.Event()

    def hold(exchange):
        release.wait(ENDS_SOON)
        answer_soundly(exchange)

    held = server.fault("any_update", hold)
    server.add_task("t", responseTimeoutSeconds=30)
    runner.start_worker("t", lambda task: None, lease_extension=True)
    eventually(lambda: held.hits)
    running = server.add_task("other", responseTimeoutSeconds=30)
    runner.start_worker("other", gate, lease_extension=True)
    gate.inside.get(timeout=ENDS_SOON)
    clock.run_until(lambda: server.extensions[running] >= 3, step=0.5)
    assert server.extensions.keys() == {running}
    release.set()


def test_a_failed_extension_ends_neither_the_extensions_nor_the_task(server, runner, clock, file):
    server.fault("extend", conductor_error(404, "No static resource api/tasks."), first=2)
    task_id = server.add_task("t", inputData=to_do("wait_for", str(file)), responseTimeoutSeconds=30)
    start_in("thread", runner, lease_extension=True)
    clock.run_until(lambda: server.extensions[task_id], step=0.5)
    file.touch()
    eventually(lambda: server.accepted == {task_id: "COMPLETED"})
    assert not server.expiries


def test_a_coroutine_is_told_that_its_task_is_lost_and_no_other_is(server, runner, clock):
    seen = {}

    async def worker(task):
        lost = task_context().lost
        seen[task.task_id] = [bool(lost)]
        while not lost and not ended.is_set():  # noqa: ASYNC110 - both are of threads
            await asyncio.sleep(0.005)
        seen[task.task_id].append(bool(lost))

    ended = threading.Event()
    lost, another = server.add_tasks("t", 2, responseTimeoutSeconds=30)
    runner.start_worker("t", worker, batch_size=2, lease_extension=True)
    eventually(lambda: len(seen) == 2)
    server.forget(lost)
    clock.run_until(lambda: len(seen[lost]) == 2)
    clock.run_until(lambda: server.extensions[another] >= 3, step=0.5)
    ended.set()
    eventually(lambda: server.accepted == {another: "COMPLETED"})
    assert seen == {lost: [False, True], another: [False, False]}


def test_none_is_sent_for_a_task_that_the_server_does_not_know_though_its_function_goes_on(server, runner, clock, gate):
    lost, another = server.add_tasks("t", 2, responseTimeoutSeconds=30)
    runner.start_worker("t", gate, batch_size=2, lease_extension=True)
    eventually(lambda: gate.inside.qsize() == 2)
    server.forget(lost)
    clock.run_until(lambda: server.extensions[another] >= 4, step=0.5)
    assert [request.json()["taskId"] for request in server.of("extend")].count(lost) == 1
