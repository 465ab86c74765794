"""What a worker can be relied upon for, in numbers, through its public doors."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from conductor import ApiClient, HttpSettings, TaskRunner, process_pool
from conductor.delivery.outbox import Outbox
from conductor.testing import FakeClock
from support import process_functions
from support.programs import children_of, waits_for_signals
from support.raw_faults import Answer, Delay, HalfOpen, Status, answer_soundly, conductor_error
from support.raw_server import RawServer
from support.waiting import eventually

COMPLETED = "COMPLETED"


@pytest.fixture
def outbox(tmp_path):
    return tmp_path / "outbox.db"


def kept(outbox):
    """The ids of the tasks whose results are in an outbox, oldest first."""
    if not outbox.exists():
        return []
    with contextlib.closing(sqlite3.connect(outbox)) as connection:
        try:
            return [task_id for (task_id,) in connection.execute("SELECT task_id FROM results ORDER BY number")]
        except sqlite3.OperationalError:  # its table is not there yet
            return []


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("seconds", [75, 600])
def test_ten_results_in_hand_during_an_outage_are_all_accepted_after_it(server, runner, clock, gate, lost, seconds):
    server._clock = clock.now
    ids = server.add_tasks("t", 10, responseTimeoutSeconds=3600)
    runner.start_worker("t", gate, batch_size=10)
    eventually(lambda: gate.inside.qsize() == 10)
    server.down()
    gate.opened.set()
    eventually(lambda: len({name for name, _ in clock.waits if name.startswith("conductor-work")}) == 10)
    end = clock.now() + seconds
    clock.run_until(lambda: clock.now() >= end, step=seconds / 100)
    server.up()
    # No pause is longer than 30 s. In steps that are small beside what ten requests take on a busy machine.
    assert clock.run_until(lambda: len(server.accepted) == 10, step=0.05) < 35
    assert server.accepted == dict.fromkeys(ids, COMPLETED)
    assert server.deliveries == dict.fromkeys(ids, 1)
    assert not lost


WITH_OUTBOX = """
import sys
from conductor import TaskRunner

def worker(task):
    return {"n": task.input_data["n"]}

with TaskRunner(outbox=sys.argv[1], shutdown_timeout=60) as runner:
    runner.start_worker("t", worker, batch_size=10)
    sys.exit(not runner.wait_workers())
"""


def next_start(server, outbox, task_name="t"):
    """A runner, as a new process would have it."""
    client = ApiClient(http_settings=HttpSettings(server.url))
    runner = TaskRunner(client, outbox=outbox)
    runner.start_worker(task_name, lambda task: None)
    return contextlib.closing(client), runner


@pytest.fixture
def killed(server, programs, outbox):
    """Leaves the results of ten tasks, which the server has not heard of, in an outbox; returns their ids in order."""
    server.add_tasks("t", 10)
    unheard = server.fault("any_update", HalfOpen())
    process = programs.start(WITH_OUTBOX, server.url, str(outbox))
    eventually(lambda: unheard.hits == 10)
    process.kill()
    assert process.wait(10) == -signal.SIGKILL
    server.clear_faults()
    assert not server.accepted
    return kept(outbox)


def test_results_committed_before_a_kill_are_all_accepted_after_the_next_start_oldest_first(
    server, outbox, killed, caplog
):
    caplog.set_level("INFO")
    assert len(killed) == 10
    before = len(server.results())
    client, runner = next_start(server, outbox)
    with client, runner:
        eventually(lambda: len(server.accepted) == 10)
        assert [result["taskId"] for result in server.results()[before:]] == killed
        eventually(lambda: not kept(outbox) and "conductor-outbox" not in [each.name for each in threading.enumerate()])
        runner.shutdown()
        assert runner.wait_workers()
    assert server.accepted == dict.fromkeys(killed, COMPLETED)
    assert set(server.deliveries.values()) == {1}
    assert caplog.text.count("sending results that earlier processes left") == 1
    assert server.task(killed[3])["outputData"] == {"n": server.task(killed[3])["inputData"]["n"]}


def test_they_are_accepted_though_their_worker_is_not_there_any_more(server, outbox, killed):
    client, runner = next_start(server, outbox, task_name="another")
    with client, runner:
        eventually(lambda: len(server.accepted) == 10)


def test_they_are_sent_to_no_other_server(server, outbox, killed, caplog):
    caplog.set_level("INFO")
    with RawServer() as other:
        client, runner = next_start(other, outbox)
        with client, runner:
            eventually(lambda: other.counts["poll"] >= 2)
            runner.shutdown()
            assert runner.wait_workers()
        assert not other.results()
    assert "sending results" not in caplog.text
    assert kept(outbox) == killed


def test_an_outage_at_the_next_start_keeps_them(server, outbox, killed):
    server.down()
    client, runner = next_start(server, outbox)
    with client, runner:
        runner.shutdown()
        assert not runner.wait_workers()
    assert kept(outbox) == killed
    server.up()
    client, runner = next_start(server, outbox)
    with client, runner:
        eventually(lambda: len(server.accepted) == 10)


def test_results_left_by_a_second_signal_stay_in_the_outbox_and_are_accepted_after_the_next_start(
    server, programs, outbox
):
    ids = server.add_tasks("t", 5)
    refused = server.fault("any_update", conductor_error(500, "database is locked"))
    process = programs.start(WITH_OUTBOX, server.url, str(outbox))
    eventually(lambda: len({result["taskId"] for result in server.results()}) == 5)
    waits_for_signals(process).send_signal(signal.SIGTERM)
    before = refused.hits
    eventually(lambda: refused.hits > before)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    assert errors.count("stays in the outbox") == 5
    assert sorted(kept(outbox)) == ids
    server.clear_faults()
    client, runner = next_start(server, outbox)
    with client, runner:
        eventually(lambda: server.accepted == dict.fromkeys(ids, COMPLETED))


def test_a_runner_that_ends_while_results_wait_in_the_outbox_says_that_work_is_left(
    server, outbox, killed, monkeypatch
):
    """Though the last one that it was sending is accepted just then."""
    released = threading.Event()

    def hold(exchange):
        released.wait(20)
        answer_soundly(exchange)

    def close(box, original=Outbox.close):
        original(box)
        if box._last_left:
            released.set()
            eventually(lambda: "conductor-outbox" not in [thread.name for thread in threading.enumerate()])

    server.fault("any_update", hold)
    client, runner = next_start(server, outbox)
    with client, runner:
        eventually(lambda: server.counts["any_update"] == 11)
        monkeypatch.setattr(Outbox, "close", close)
        runner.shutdown()
        assert not runner.wait_workers()
    assert len(kept(outbox)) >= 9


def test_ten_running_five_surplus_and_one_of_a_poll_in_flight_are_all_finished_or_handed_back(server, gate):
    handed_back, polled = threading.Event(), threading.Event()

    def hold(exchange):
        handed_back.wait(20)
        answer_soundly(exchange)

    def late(exchange):
        polled.wait(20)
        answer_soundly(exchange)

    server.fault("update", hold, only=lambda request: request.json()["status"] == "IN_PROGRESS")
    server.fault("poll", lambda exchange: exchange.send(Answer(body=server.poll("t", number=14))), at=2)
    server.fault("poll", late, at=3)
    ids = server.add_tasks("t", 15)
    with ApiClient(http_settings=HttpSettings(server.url)) as client, TaskRunner(client) as runner:
        runner.start_worker("t", gate, batch_size=10)
        eventually(lambda: gate.inside.qsize() == 10 and server.counts["update"] == 5)
        runner.increase_batch_size("t", 1)
        eventually(lambda: server.counts["poll"] == 3)
        ids.append(server.add_task("t"))
        runner.shutdown()
        for event in (polled, handed_back, gate.opened):
            event.set()
        assert runner.wait_workers(timeout=20)
    assert list(server.accepted.values()) == [COMPLETED] * 10
    assert set(server.accepted) | set(server.requeues) == set(ids)
    assert server.requeues.total() == server.waiting("t") == 6
    assert server.deliveries == dict.fromkeys(ids, 1)  # none was claimed meanwhile
    assert (server.counts["poll"], server.counts["update_v2"]) == (3, 0)


def test_a_surplus_task_that_comes_twice_in_an_answer_is_handed_back_once(server, runner, gate):
    """The second time it could be running elsewhere by then."""
    ids = server.add_tasks("t", 2)

    def one_and_twice_the_other(exchange):
        first, second = server.poll("t", number=2)
        exchange.send(Answer(body=[first, second, second]))

    server.fault("poll", one_and_twice_the_other, at=1)
    runner.start_worker("t", gate)
    eventually(lambda: server.requeues)
    runner.shutdown()
    gate.opened.set()
    assert runner.wait_workers()
    assert server.requeues == {ids[1]: 1}
    assert server.deliveries == dict.fromkeys(ids, 1)


@pytest.mark.parametrize("poll_timeout", [None, 0, 2])
def test_a_stop_while_idle_takes_no_longer_than_a_poll_and_a_second(server, runner, poll_timeout):
    server.longest_wait = 5
    runner.start_worker("t", lambda task: None, poll_timeout=poll_timeout)
    eventually(lambda: server.counts["poll"])
    runner.shutdown()
    assert runner.wait_workers(timeout=(1 if poll_timeout is None else poll_timeout) + 1)


@pytest.mark.parametrize(
    "fault",
    [conductor_error(500, "down"), Status(429, headers={"Retry-After": "3600"})],
    ids=["error", "Retry-After 3600"],
)
def test_a_stop_ends_the_wait_after_an_error(server, runner, clock, fault):
    """On a clock that stands still, one that is not ended is endless."""
    server.fault("poll", fault)
    runner.start_worker("t", lambda task: None)
    eventually(clock.poll_waits)
    runner.shutdown()
    assert runner.wait_workers(timeout=20)


def test_two_hundred_leases_with_round_trips_of_a_tenth_of_a_second_are_kept(server, runner):
    """Until each of them has ended thrice but for its extensions."""
    ends = []

    async def worker(task):
        end = asyncio.get_running_loop().create_future()
        ends.append((asyncio.get_running_loop(), end))
        await end

    server.fault("extend", Delay(0.1))
    ids = server.add_tasks("t", 200, responseTimeoutSeconds=5)
    runner.start_worker("t", worker, batch_size=200, lease_extension=True)
    eventually(lambda: len(server.extensions) == 200 and min(server.extensions.values()) >= 3)
    for loop, end in ends:
        loop.call_soon_threadsafe(end.set_result, None)
    eventually(lambda: len(server.accepted) == 200)
    assert server.accepted == dict.fromkeys(ids, COMPLETED)
    assert not server.expiries


def test_a_hundred_starts_and_stops_with_all_there_is_leave_neither_threads_nor_files(server, api_client, outbox):
    async def coroutine(task):
        return None

    threads, files = threading.active_count(), open_files()
    for number in range(100):
        for name in "abc":
            server.add_task(name)
        with TaskRunner(api_client, outbox=outbox) as runner:
            runner.start_worker("a", lambda task: None, timeout=60, lease_extension=True, poll_timeout=0)
            runner.start_worker("b", lambda task: None, poll_timeout=0)
            runner.start_worker("c", coroutine, timeout=60, lease_extension=True, poll_timeout=0)
            eventually(lambda: len(server.accepted) == 3 * (number + 1))  # noqa: B023 - it is asked at once
    api_client.close()
    eventually(lambda: not server.open_connections)
    eventually(lambda: threading.active_count() <= threads)
    eventually(lambda: open_files() <= files)


def test_starts_and_stops_with_processes_leave_neither_threads_nor_files_nor_processes(server, api_client):
    def start_and_stop():
        ids = [server.add_task("t", inputData={"do": do, "with": 1}) for do in ("die", "echo")]
        with TaskRunner(api_client) as runner:
            runner.start_worker("t", process_functions.work, batch_size=2, poll_timeout=0, executor=process_pool(1))
            eventually(lambda: all(task_id in server.accepted for task_id in ids))

    def is_quiet():
        new = [each for each in threading.enumerate() if each not in before and each.name.startswith("conductor-")]
        return not new and len(children_of(os.getpid())) <= others

    before = set(threading.enumerate())
    others = len(children_of(os.getpid())) + 1  # the process that looks after the semaphores is started once
    start_and_stop()
    eventually(is_quiet)
    files = open_files()
    for _ in range(5):
        start_and_stop()
    api_client.close()
    eventually(is_quiet)
    eventually(lambda: open_files() <= files)


HANGS = """
import sys, time
from conductor import TaskRunner

def worker(task):
    print("begun", flush=True)
    time.sleep(600)

with TaskRunner(shutdown_timeout=0.5) as runner:
    runner.start_worker("t", worker)
    sys.exit(not runner.wait_workers())
"""


def test_a_function_that_hangs_is_named_at_the_end_of_the_drain_and_the_exit_code_tells(server, programs):
    (task_id,) = server.add_tasks("t", 1)
    process = programs.start(HANGS, server.url)
    assert process.stdout.readline() == "begun\n"
    waits_for_signals(process).send_signal(signal.SIGTERM)
    sent = time.monotonic()
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    assert f"left behind at the end of the drain (task_id='{task_id}'" in errors
    assert time.monotonic() - sent < 5
    assert not server.results()


def test_after_the_end_of_a_drain_the_last_answers_are_not_waited_for_again(server, monkeypatch):
    server.fault("any_update", HalfOpen())
    server.add_task("t")
    with ApiClient(http_settings=HttpSettings(server.url)) as api_client:
        with TaskRunner(api_client, shutdown_timeout=0) as runner:
            runner.start_worker("t", lambda task: None)
            eventually(lambda: server.counts["any_update"])
            runner.shutdown()
            assert not runner.wait_workers()
            monkeypatch.setattr("conductor.runner.workers.LAST_ANSWERS_WITHIN", 40)
            ended = time.monotonic()
        assert time.monotonic() - ended < 20


def test_one_result_that_the_server_never_takes_holds_up_no_other_in_the_outbox(server, outbox, killed):
    server.fault("any_update", Status(500), only=lambda request: request.json()["taskId"] == killed[0])
    clock = FakeClock()
    client = ApiClient(http_settings=HttpSettings(server.url))
    runner = TaskRunner(client, outbox=outbox)
    runner._setup.clock = clock
    runner.start_worker("another", lambda task: None)
    with contextlib.closing(client), runner:
        eventually(lambda: clock.advance(1) or set(server.accepted) == set(killed[1:]))
        eventually(lambda: kept(outbox) == killed[:1])  # the last answer is still on its way
    assert kept(outbox) == killed[:1]


def test_a_result_that_was_given_up_counts_until_somebody_has_been_told(server, api_client):
    refused = server.fault("any_update", conductor_error(400, "no"))
    server.add_task("t")
    runner = TaskRunner(api_client, shutdown_timeout=5)
    runner.start_worker("t", lambda task: None)
    eventually(lambda: refused.hits == 2)  # the failure that took its place, too
    runner.shutdown("t")
    eventually(lambda: runner._workers._workers["t", None].capacity.has_ended)
    runner.start_worker("u", lambda task: None)
    runner.shutdown()
    assert not runner.wait_workers()


def test_a_result_that_was_given_up_does_not_count_once_workers_are_started_anew(server, api_client):
    refused = server.fault("any_update", Status(500))
    with TaskRunner(api_client, shutdown_timeout=1) as runner:
        server.add_task("t")
        runner.start_worker("t", lambda task: None)
        eventually(lambda: refused.hits)
        runner.shutdown()
        assert not runner.wait_workers()
        eventually(lambda: (runner.wait_workers(), runner._workers._resources)[1] is None)
        server.clear_faults()
        runner.start_worker("u", lambda task: None)
        runner.shutdown()
        assert runner.wait_workers()
