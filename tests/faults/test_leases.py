"""Leases of running tasks: extended in time, whatever the server does, and never after the result was accepted.

The runner's and the server's clock are one, which stands still until a test moves it: what must happen by a moment is
waited for at that moment, and cannot come too late.
"""

import asyncio
import queue
import threading

import pytest

from conductor import process_pool, task_context
from support import process_functions
from support.raw_faults import Delay, HalfOpen, answer_soundly, conductor_error
from support.waiting import eventually

T = 30.0
"""responseTimeoutSeconds of most tasks here."""
MOMENT = 0.05
"""Real seconds in which a runner would do what it must not do."""


@pytest.fixture
def clock(server, clock):
    """Of the runner and of the server, whose leases end by it."""
    server._clock = clock.now
    return clock


@pytest.fixture
def extended(server, clock):
    """The moments at which extensions came to the server, as long as that answers soundly."""
    moments = []

    def note(exchange):
        moments.append(clock.now())
        answer_soundly(exchange)

    server.fault("extend", note)
    return moments


@pytest.fixture
def start(server, runner, clock, gate, counted):
    """Starts a worker that keeps its tasks until the gate is opened, and gives it as many as it takes; their ids."""

    def start(number=1, lease=T, execute=gate, **settings):
        ids = server.add_tasks("t", number, responseTimeoutSeconds=int(lease))
        runner.start_worker("t", execute, **{"batch_size": number, "lease_extension": True} | settings)
        eventually(lambda: counted("task_execution_queue_full_total", taskType="t"))  # it has begun with all of them
        if settings.get("lease_extension", True):
            settle(clock)
        return ids

    return start


def settle(clock):
    """Until the runner waits for the moment at which the next extension is due."""
    eventually(
        lambda: [seconds for name, seconds in clock.waits if name == "conductor-timers"][-1:] not in ([], [None])
    )
    threading.Event().wait(0.02)  # for those of other tasks


def nothing_comes(server, operation):
    """Whether no more of these requests come for a moment."""
    before = server.counts[operation]
    threading.Event().wait(MOMENT)
    return server.counts[operation] == before


def test_l5_leases_are_extended_during_a_drain_until_the_last_result_is_accepted(
    server, runner, clock, gate, extended, start
):
    start(2)
    runner._setup.shutdown_timeout = 100 * T
    runner.shutdown()
    for times in range(1, 7):
        clock.advance(T / 2)
        eventually(lambda: server.extensions == {"t1": times, "t2": times})  # noqa: B023 - it is asked at once
        settle(clock)
    server.fault("any_update", conductor_error(500, "down"), first=8)
    gate.opened.set()
    clock.run_until(lambda: len(server.accepted) == 2, step=0.1)  # slowly, or the leases would end before the attempts
    assert server.accepted == {"t1": "COMPLETED", "t2": "COMPLETED"}
    assert not server.expiries
    assert runner.wait_workers(timeout=5)


@pytest.mark.parametrize("lease", [3, 30, 3600])
def test_l13_a_lease_is_extended_after_a_third_of_it_and_before_a_half(server, clock, start, extended, lease):
    start(lease=lease)
    for times in range(1, 6):
        clock.advance(lease * 0.33)
        assert nothing_comes(server, "extend")
        clock.advance(lease * 0.16)
        eventually(lambda: server.extensions["t1"] == times)  # noqa: B023 - it is asked at once
        settle(clock)
    assert not server.expiries


def test_l13_extensions_of_one_batch_are_spread(server, clock, start, extended):
    start(20)
    clock.run_until(lambda: len(extended) == 20, step=T / 300)
    assert len(set(extended)) > 5


def test_l13_an_extension_that_fails_is_repeated_each_tenth_of_the_lease(server, clock, start, extended):
    failing = server.fault("extend", conductor_error(500, "down"))
    server._faults.reverse()  # this one first
    start()
    clock.advance(T / 2)
    for times in range(1, 5):
        eventually(lambda: failing.hits == times)  # noqa: B023 - it is asked at once
        settle(clock)
        assert nothing_comes(server, "extend")
        if times == 4:
            server.clear_faults()
        clock.advance(T / 10)
    eventually(lambda: server.extensions == {"t1": 1})
    assert not server.expiries


def test_l13_the_first_deadline_counts_from_the_receipt_of_a_task_that_waits_for_its_process(
    server, runner, clock, counted, tmp_path
):
    deed = {"do": "wait_for", "with": str(tmp_path / "go on")}
    ids = server.add_tasks("t", 2, responseTimeoutSeconds=int(T), inputData=deed)
    runner.start_worker("t", process_functions.work, batch_size=2, lease_extension=True, executor=process_pool(1))
    eventually(lambda: counted("task_execution_queue_full_total", taskType="t"))
    eventually(lambda: counted("task_execution_started_total", taskType="t") == 1)
    settle(clock)
    for times in (1, 2, 3):
        clock.advance(T / 2)
        eventually(lambda: server.extensions == dict.fromkeys(ids, times))  # noqa: B023 - it is asked at once
        settle(clock)
    assert counted("task_execution_started_total", taskType="t") == 1
    (tmp_path / "go on").touch()
    eventually(lambda: server.accepted == dict.fromkeys(ids, "COMPLETED"))
    assert not server.expiries


def test_l13_without_the_option_no_lease_is_extended(server, clock, start, counted):
    (task_id,) = start(lease_extension=False)
    clock.advance(T + 1)
    assert server.task(task_id)["status"] == "TIMED_OUT"
    assert not server.extensions


def test_l13_in_real_time_a_task_of_more_than_its_lease_does_not_expire(server, runner):
    server.add_task("t", responseTimeoutSeconds=4)  # of which a machine may stall for two after the extension is due
    runner.start_worker("t", lambda task: threading.Event().wait(4.5), lease_extension=True)
    eventually(lambda: server.accepted == {"t1": "COMPLETED"})
    assert not server.expiries


def test_l13_in_real_time_a_result_whose_updates_get_no_answer_keeps_its_lease(server, runner):
    """Each of four dead connections is waited for, for longer and longer, while extensions would have arrived."""
    updates = server.fault("any_update", HalfOpen(), first=4)
    server.add_tasks("t", 3, responseTimeoutSeconds=6)
    runner.start_worker("t", lambda task: None, lease_extension=True)
    eventually(lambda: len(server.accepted) == 3, timeout=40)
    assert (updates.hits, server.expiries) == (4, {})


def test_an_extension_carries_the_id_of_the_runner(server, clock, start):
    start()
    clock.advance(T / 2)
    (extension,) = eventually(lambda: server.of("extend"))
    assert extension.json()["workerId"] == "worker-1"


def test_l14_five_hundred_leases_are_extended_in_time_by_a_slow_server(server, api_client, clock, start):
    ends = []
    api_client.http_settings.read_timeout = 30.0

    async def worker(task):
        end = asyncio.get_running_loop().create_future()
        ends.append((asyncio.get_running_loop(), end))
        await end

    server.fault("extend", Delay(1.0))
    start(500, lease=60, execute=worker)
    clock.advance(60 / 2)
    eventually(lambda: len(server.extensions) == 500, timeout=60 / 2)
    assert set(server.extensions.values()) == {1}
    server.clear_faults()
    eventually(lambda: len(ends) == 500)
    for loop, end in ends:
        loop.call_soon_threadsafe(end.set_result, None)
    eventually(lambda: len(server.accepted) == 500)
    assert not server.expiries


def test_l15_no_extension_is_sent_after_the_result_is_accepted(server, runner, clock, gate, extended, start):
    start()
    clock.advance(T / 2)
    eventually(lambda: server.extensions["t1"] == 1)
    gate.opened.set()
    eventually(lambda: server.accepted)
    server.add_task("t")
    for _ in range(4):
        clock.advance(T / 2)
        assert nothing_comes(server, "extend")
    assert server.extensions["t1"] == 1


def test_l15_a_result_waits_for_the_extension_that_is_under_way(server, clock, gate, start):
    """Else the server could write the task's old state over the result."""
    release = threading.Event()

    def hold(exchange):
        release.wait(10)
        answer_soundly(exchange)

    server.fault("extend", hold)
    start()
    clock.advance(T / 2)
    eventually(lambda: server.counts["extend"] == 1)
    gate.opened.set()
    assert nothing_comes(server, "any_update")
    assert not server.accepted
    release.set()
    eventually(lambda: server.accepted == {"t1": "COMPLETED"})
    assert server.extensions["t1"] == 1


def test_l15_an_extension_that_gets_no_answer_does_not_keep_the_result_for_long(server, clock, gate, start):
    server.fault("extend", HalfOpen())
    start(lease=3600)
    clock.advance(3600 / 2)
    eventually(lambda: server.counts["extend"] == 1)
    gate.opened.set()
    eventually(lambda: server.accepted == {"t1": "COMPLETED"})


def test_l16_a_task_that_the_server_does_not_know_is_lost_and_its_function_is_told(server, clock, start, lost, caplog):
    told = queue.Queue()

    def worker(task):
        context = task_context()
        told.put(bool(context.lost))
        told.put(context.lost.wait(10))

    (task_id,) = start(execute=worker)
    assert told.get(timeout=5) is False
    server.forget(task_id)
    clock.advance(T / 2)
    assert told.get(timeout=10) is True
    eventually(lambda: lost)
    assert [(result.task_id, error.status) for result, error in lost] == [(task_id, 404)]
    for _ in range(3):
        clock.advance(T / 2)
    assert server.counts["extend"] == 1
    assert task_id in caplog.text


def test_l16_an_unknown_task_is_not_extended_again_while_its_function_goes_on(server, clock, start):
    (task_id,) = start()
    server.forget(task_id)
    clock.advance(T / 2)
    eventually(lambda: server.counts["extend"] == 1)
    for _ in range(3):
        clock.advance(T / 2)
        assert nothing_comes(server, "extend")
    assert server.counts["extend"] == 1
