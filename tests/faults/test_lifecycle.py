"""Runners from their start to their end: stops at any moment and from anywhere, pauses, full slots, faulty hooks."""

import threading
import time
from pathlib import Path

import pytest

from conductor import ApiClient, ConfigurationError, HttpSettings, TaskRunner
from support.raw_faults import answer_soundly, conductor_error
from support.raw_server import RawServer
from support.spelling import either_spelling
from support.waiting import eventually

SOON = 20.0
"""Seconds within which a stop comes to its end: on a clock that stands still, a wait that is not ended never does."""


def test_l9_a_stop_ends_the_wait_after_a_failed_poll(server, runner, clock):
    server.fault("poll", conductor_error(500, "down"))
    runner.start_worker("t", lambda task: None)
    eventually(clock.poll_waits)
    runner.shutdown()
    assert runner.wait_workers(timeout=SOON)
    assert server.counts["poll"] == 1


def test_l9_a_stop_ends_the_wait_after_an_empty_poll(server, runner, clock):
    runner.start_worker("t", lambda task: None, poll_interval=3600, poll_timeout=0)
    eventually(clock.poll_waits)
    runner.shutdown()
    assert runner.wait_workers(timeout=SOON)


@either_spelling
def test_l9_a_stop_sends_a_waiting_result_again_at_once(server, runner, clock, spell):
    server.fault("any_update", conductor_error(500, "down"), first=1)
    server.add_task("t")
    runner.start_worker("t", spell(lambda task: None))
    eventually(lambda: [seconds for name, seconds in clock.waits if "poll" not in name and seconds])
    runner.shutdown()
    assert runner.wait_workers(timeout=SOON)
    assert server.accepted == {"t1": "COMPLETED"}


def test_l9_a_stopped_runner_goes_on_sending_until_its_time_is_over(server, runner, clock):
    server.fault("any_update", conductor_error(500, "down"), first=4)
    server.add_task("t")
    runner.start_worker("t", lambda task: None)
    eventually(server.results)
    runner.shutdown()
    assert clock.run_until(lambda: server.accepted, step=0.02) < 5
    assert runner.wait_workers(timeout=SOON)


def test_l9_what_is_not_accepted_by_then_is_given_up(server, api_client, lost):
    server.fault("any_update", conductor_error(500, "down"))
    server.add_task("t")
    runner = TaskRunner(api_client, shutdown_timeout=0.3, on_result_lost=lambda *given: lost.append(given))
    runner.start_worker("t", lambda task: None)
    eventually(server.results)
    runner.shutdown()
    assert not runner.wait_workers()
    ((result, error),) = lost
    assert (result.task_id, error.message) == ("t1", "down")
    assert not runner.wait_workers()  # all have ended meanwhile; something is lost all the same


def test_l10_a_runner_starts_without_a_server_and_works_once_there_is_one(server, runner, caplog):
    server.down()
    runner.start_worker("t", lambda task: None)
    eventually(lambda: "polls fail" in caplog.text)
    assert "connection refused" in caplog.text
    server.add_task("t")
    server.up()
    eventually(lambda: server.accepted == {"t1": "COMPLETED"})


def test_l17_a_paused_worker_finishes_what_runs_and_polls_no_more_until_it_is_resumed(server, runner, gate):
    server.add_tasks("t", 2)
    runner.start_worker("t", gate)
    gate.inside.get(timeout=5)
    runner.pause("t")
    polls = server.counts["poll"]
    gate.opened.set()
    eventually(lambda: server.accepted == {"t1": "COMPLETED"})
    time.sleep(0.3)
    assert (server.counts["poll"], server.counts["update_v2"]) == (polls, 0)
    runner.resume("t")
    eventually(lambda: server.accepted == {"t1": "COMPLETED", "t2": "COMPLETED"})


def test_l17_a_paused_worker_can_be_stopped(server, runner, gate):
    server.add_tasks("t", 2)
    runner.start_worker("t", gate)
    gate.inside.get(timeout=5)
    runner.pause()
    runner.shutdown()
    gate.opened.set()
    assert runner.wait_workers(timeout=5)
    assert server.accepted == {"t1": "COMPLETED"}
    assert server.waiting("t") == 1


def after(event):
    """An action: the answer of a sound server, once the event is set."""

    def wait_and_answer(exchange):
        event.wait(20)
        answer_soundly(exchange)

    return wait_and_answer


def test_l17_what_a_poll_in_flight_brings_to_a_paused_worker_is_handed_back(server, runner):
    paused = threading.Event()
    server.fault("poll", after(paused), at=2)
    runner.start_worker("t", lambda task: None)
    eventually(lambda: server.counts["poll"] == 2)
    server.add_task("t")
    runner.pause("t")
    paused.set()
    eventually(lambda: server.requeues == {"t1": 1})
    assert (server.waiting("t"), server.accepted) == (1, {})
    runner.resume("t")
    eventually(lambda: server.accepted == {"t1": "COMPLETED"})


def test_l17_the_next_task_of_an_update_is_handed_back_by_a_worker_that_was_paused_meanwhile(server, runner):
    paused = threading.Event()
    server.fault("update_v2", after(paused), at=1)
    server.add_tasks("t", 2)
    runner.start_worker("t", lambda task: None)
    eventually(lambda: server.counts["update_v2"] == 1)
    runner.pause("t")
    paused.set()
    eventually(lambda: server.requeues == {"t2": 1})
    assert (server.waiting("t"), server.accepted) == (1, {"t1": "COMPLETED"})


def test_l17_a_batch_size_of_0_lets_a_poll_in_flight_have_its_slots(server, runner):
    lowered = threading.Event()
    server.fault("poll", after(lowered), at=2)
    runner.start_worker("t", lambda task: None)
    eventually(lambda: server.counts["poll"] == 2)
    server.add_tasks("t", 2)
    runner.set_batch_size("t", 0)
    lowered.set()
    eventually(lambda: server.accepted == {"t1": "COMPLETED"})
    assert (server.requeues, server.waiting("t")) == ({}, 1)


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_l19_a_hundred_starts_and_stops_leave_neither_threads_nor_files(server, api_client, monkeypatch):
    async def coroutine(task):
        return None

    monkeypatch.setenv("CONDUCTOR_SERVER_URL", server.url)
    server.longest_wait = 0.005
    threads, files = threading.active_count(), open_files()
    for number in range(100):
        with TaskRunner(None if number % 10 == 0 else api_client) as runner:  # some with a client of their own
            for name, function in (("sync", lambda task: None), ("async", coroutine)):
                server.add_task(name)
                runner.start_worker(name, function, lease_extension=True)
            eventually(lambda: len(server.accepted) == 2 * (number + 1))  # noqa: B023 - it is asked at once
    api_client.close()
    eventually(lambda: not server.open_connections)
    eventually(lambda: threading.active_count() <= threads)
    eventually(lambda: open_files() <= files)


def test_l20_two_runners_in_one_process_are_independent(server, runner):
    with (
        RawServer() as other,
        ApiClient(http_settings=HttpSettings(other.url)) as other_client,
        TaskRunner(other_client) as second,
    ):
        runner.start_worker("t", lambda task: None)
        second.start_worker("t", lambda task: None)
        server.add_task("t")
        eventually(lambda: server.accepted)
        runner.shutdown()
        assert runner.wait_workers(timeout=5)
        other.add_task("t")
        eventually(lambda: other.accepted)
        second.pause()
    assert server.accepted == other.accepted == {"t1": "COMPLETED"}


def cpu_of_the_runner():
    """Seconds that its threads have had; those of the whole process may be another's, or the garbage collector's."""
    ours = [each for each in threading.enumerate() if each.name.startswith("conductor-")]
    return sum(time.clock_gettime(time.pthread_getcpuclockid(each.ident)) for each in ours)


def test_l21_a_worker_without_a_free_slot_does_nothing(server, runner, gate, counted):
    server.add_tasks("busy", 2)
    runner.start_worker("busy", gate)
    gate.inside.get(timeout=5)
    eventually(lambda: counted("task_execution_queue_full_total", taskType="busy"))
    polls, cpu = server.counts["poll"], cpu_of_the_runner()
    time.sleep(0.5)
    assert server.counts["poll"] == polls
    assert counted("task_execution_queue_full_total", taskType="busy") == 1
    assert cpu_of_the_runner() - cpu < 0.25


def test_l22_a_poll_interval_is_what_was_asked_for(server, runner, clock):
    runner.start_worker("t", lambda task: None, poll_interval=5, poll_timeout=0)
    eventually(lambda: clock.poll_waits() == [5])
    assert server.counts["poll"] == 1
    assert clock.run_until(lambda: server.counts["poll"] == 2, step=0.1) > 4.8
    eventually(lambda: clock.poll_waits() == [5, 5])


@pytest.mark.parametrize(("interval", "left"), [(0.1, 0), (0, 0), (None, 0), (10, 0), (30, 20), (100, 90)])
def test_l22_another_poll_interval_counts_for_the_wait_that_is_running(server, runner, clock, interval, left):
    runner.start_worker("t", lambda task: None, poll_interval=60, poll_timeout=0)
    eventually(lambda: clock.poll_waits() == [60])
    clock.advance(10)
    runner.set_poll_interval_for_task("t", interval)
    if left:
        eventually(lambda: len(clock.poll_waits()) == 2)
        assert clock.poll_waits() == pytest.approx([60, left])
    else:
        eventually(lambda: server.counts["poll"] > 1)


def test_l22_another_poll_interval_ends_no_pause_after_a_failure(server, runner, clock):
    server.fault("poll", conductor_error(500, "down"))
    runner.start_worker("t", lambda task: None)
    (pause,) = eventually(clock.poll_waits)
    runner.set_poll_interval_for_task("t", 0)
    eventually(lambda: len(clock.poll_waits()) == 2)
    assert clock.poll_waits() == pytest.approx([pause, pause])
    assert server.counts["poll"] == 1


@either_spelling
def test_l23_a_function_can_stop_its_own_runner(server, runner, spell):
    server.add_tasks("t", 2)
    runner.start_worker("t", spell(lambda task: runner.shutdown()))
    assert runner.wait_workers(timeout=5)
    assert server.accepted == {"t1": "COMPLETED"}


@either_spelling
def test_l23_a_function_that_waits_for_its_own_end_fails_instead(server, runner, spell):
    def worker(task):
        with runner:
            pass

    runner.start_worker("t", spell(worker))
    runner.start_worker("other", spell(lambda task: runner.wait_workers()))
    server.add_tasks("t", 2)  # not before: leaving the runner stops only the workers that there are
    server.add_task("other")
    assert runner.wait_workers(timeout=5)
    assert server.accepted["t1"] == "FAILED"
    assert server.task("t1")["reasonForIncompletion"].startswith("ConductorError: ")


def test_l23_a_hook_can_stop_the_runner(server, api_client):
    runner = TaskRunner(api_client, on_result_lost=lambda result, error: runner.shutdown())
    server.fault("any_update", conductor_error(409, "it has ended"))
    server.add_task("t")
    runner.start_worker("t", lambda task: None)
    assert runner.wait_workers(timeout=5)


def test_l23_a_hook_that_waits_for_the_end_fails_instead(server, api_client, caplog):
    def hook(result, error):
        with runner:
            pass

    runner = TaskRunner(api_client, on_result_lost=hook)
    server.fault("any_update", conductor_error(400, "no"), at=1)
    server.add_task("t")
    runner.start_worker("t", lambda task: None)
    assert runner.wait_workers(timeout=SOON)
    assert server.accepted == {"t1": "FAILED_WITH_TERMINAL_ERROR"}
    assert "ConductorError: a worker function, or on_result_lost, must not wait" in caplog.text


def test_l24_a_hook_that_hangs_keeps_no_task_from_its_failure(server, api_client, gate):
    server.fault("any_update", conductor_error(400, "no"), at=1)
    server.add_task("t")
    with TaskRunner(api_client, on_result_lost=lambda result, error: gate(result)) as runner:
        runner.start_worker("t", lambda task: None)
        assert gate.inside.get(timeout=SOON) == "t1"
        assert server.accepted == {"t1": "FAILED_WITH_TERMINAL_ERROR"}
        gate.opened.set()


def test_l24_a_hook_that_nobody_would_await_is_refused(api_client):
    async def hook(result, error):
        pass

    with pytest.raises(ConfigurationError, match="on_result_lost"):
        TaskRunner(api_client, on_result_lost=hook)


@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_l24_a_hook_that_raises_is_logged_and_costs_nothing(server, api_client, caplog, error):
    def hook(result, lost_by):
        raise error("in the hook")

    server.fault("any_update", conductor_error(409, "it has ended"), at=1)
    server.add_tasks("t", 2)
    with TaskRunner(api_client, shutdown_timeout=1, on_result_lost=hook) as runner:
        runner.start_worker("t", lambda task: None)
        eventually(lambda: server.accepted == {"t2": "COMPLETED"})
    assert f"{error.__name__}: in the hook" in caplog.text
