"""Which moment each time limit counts from, and when it begins anew."""

import threading

import pytest

from support.raw_faults import Edit, Status, answer_soundly, conductor_error
from support.waiting import Gate, eventually

HOUR = 3600
DOWN = conductor_error(500, "down")


def update_waits(clock):
    """The seconds that results waited, or wait, for their next attempt."""
    return [seconds for name, seconds in clock.waits if "work" in name and seconds]


def given_up(caplog):
    return [record.getMessage() for record in caplog.records if "was given up" in record.getMessage()]


# How long a result is kept


def test_a_result_is_kept_until_an_hour_after_its_poll_however_long_its_function_took(
    server, runner, clock, gate, lost
):
    server.fault("any_update", DOWN)
    server.add_task("t", responseTimeoutSeconds=HOUR)
    runner.start_worker("t", gate)
    gate.inside.get(timeout=5)
    polled = clock.now()
    clock.advance(HOUR - 200)
    gate.opened.set()
    clock.run_until(lambda: lost, step=5)
    assert HOUR - 1 <= clock.now() - polled <= HOUR + 60


def test_a_result_is_kept_until_an_hour_after_the_last_extension_that_was_accepted(server, runner, clock, gate, lost):
    server.fault("any_update", DOWN)
    server.fault("extend", answer_soundly, at=1)
    server.fault("extend", DOWN)
    server.add_task("t", responseTimeoutSeconds=HOUR)
    runner.start_worker("t", gate, lease_extension=True)
    gate.inside.get(timeout=5)
    clock.run_until(lambda: server.extensions["t1"] == 1, step=HOUR / 100)
    extended = clock.now()
    eventually(lambda: [name for name, _ in clock.waits if "timers" in name][1:])
    gate.opened.set()
    clock.run_until(lambda: lost, step=10)
    assert HOUR - HOUR / 50 <= clock.now() - extended <= HOUR + 120


def test_an_extension_that_is_refused_keeps_a_result_no_longer(server, runner, clock, gate, lost):
    server.fault("any_update", DOWN)
    server.fault("extend", DOWN)
    server.add_task("t", responseTimeoutSeconds=HOUR)
    runner.start_worker("t", gate, lease_extension=True)
    gate.inside.get(timeout=5)
    polled = clock.now()
    clock.run_until(lambda: server.counts["extend"] >= 3, step=HOUR / 100)
    gate.opened.set()
    clock.run_until(lambda: lost, step=10)
    assert HOUR - 1 <= clock.now() - polled <= HOUR + 120


@pytest.mark.parametrize(("lease", "kept"), [(60, 60), (HOUR, HOUR), (0, 15 * 60)])
def test_a_hand_back_is_not_repeated_after_its_lease_has_ended(server, runner, clock, gate, caplog, lost, lease, kept):
    """The task is in its queue again by then, or runs elsewhere."""
    surplus = {"taskId": "surplus", "workflowInstanceId": "w", "responseTimeoutSeconds": lease, "status": "IN_PROGRESS"}
    server.fault("any_update", DOWN)
    server.fault("poll", Edit(lambda tasks: [*tasks, surplus]), at=1)
    server.fault("get_task", Status(200, surplus))
    server.add_task("t")
    began = clock.now()
    runner.start_worker("t", gate)  # it asks for one task, and gets two
    gate.inside.get(timeout=5)
    clock.run_until(lambda: given_up(caplog), step=kept / 300)
    assert kept - 1 <= clock.now() - began <= kept * 1.05
    assert lost == []  # a hand-back is no result


# How long a drain lasts


@pytest.fixture
def soon():
    """A function: runs wait_workers, which must return within a few seconds of real time; what it returned."""

    def soon(runner, **arguments):
        returned = []
        wait = threading.Thread(target=lambda: returned.append(runner.wait_workers(**arguments)), daemon=True)
        wait.start()
        wait.join(6)
        assert returned, "wait_workers goes on waiting"
        return returned[0]

    return soon


@pytest.fixture
def hung(server, runner, clock):
    """A function: starts a worker whose only task hangs until the test is over."""
    gate = Gate()

    def hung(name, domain=None):
        server.add_task(name, domain)
        runner.start_worker(name, gate, domain=domain)
        return gate.inside.get(timeout=5)

    yield hung
    gate.opened.set()


def test_a_drain_counts_from_the_shutdown_and_not_from_the_wait(runner, clock, hung, soon, caplog):
    runner._setup.shutdown_timeout = 100
    task_id = hung("t")
    runner.shutdown()
    clock.advance(99.8)
    assert soon(runner) is False
    assert f"left behind at the end of the drain (task_id='{task_id}'" in caplog.text


def test_a_second_shutdown_does_not_prolong_the_drain(runner, clock, hung, soon):
    runner._setup.shutdown_timeout = 100
    hung("t")
    runner.shutdown()
    clock.advance(99)
    runner.shutdown()
    runner.shutdown("t")
    clock.advance(0.8)
    assert soon(runner) is False


def test_a_worker_that_is_stopped_later_has_its_own_time(runner, clock, hung, soon, caplog):
    """The wait is for the one whose time ends last; before that none is given up."""
    runner._setup.shutdown_timeout = 100
    hung("early")
    hung("late")
    runner.shutdown("early")
    clock.advance(90)
    runner.shutdown("late")
    clock.advance(20)  # the time of the first is over
    assert runner.wait_workers(timeout=0.3) is False
    assert "left behind" not in caplog.text
    clock.advance(79.8)
    assert soon(runner) is False


def test_a_shutdown_of_all_does_not_prolong_the_drain_of_a_worker_that_stops_already(runner, clock, hung, soon):
    runner._setup.shutdown_timeout = 100
    hung("early")
    runner.start_worker("idle", lambda task: None)
    runner.shutdown("early")
    clock.advance(99)
    runner.shutdown()
    clock.advance(0.8)
    assert soon(runner) is False


def test_while_a_worker_polls_the_end_of_anothers_drain_ends_no_wait(runner, clock, hung, caplog):
    runner._setup.shutdown_timeout = 100
    hung("early")
    runner.start_worker("goes on", lambda task: None)
    runner.shutdown("early")
    clock.advance(1_000)
    assert runner.wait_workers(timeout=0.3) is False
    assert "left behind" not in caplog.text


# When pauses begin anew


def test_the_pauses_before_a_result_is_sent_again_begin_anew_with_the_drain(server, runner, clock):
    server.fault("any_update", DOWN)
    server.add_task("t")
    runner.start_worker("t", lambda task: None)
    clock.run_until(lambda: max(update_waits(clock), default=0) > 10)
    runner._setup.shutdown_timeout = 60
    before = len(update_waits(clock))
    runner.shutdown()
    clock.run_until(lambda: len(update_waits(clock)) >= before + 5, step=0.1)
    first, second, third, *_ = update_waits(clock)[before:]
    assert first <= 0.5
    assert second <= 0.75
    assert third <= 1.125


def test_in_a_drain_no_pause_is_longer_than_five_seconds(server, runner, clock):
    server.fault("any_update", DOWN)
    server.add_task("t")
    runner.start_worker("t", lambda task: None)
    eventually(lambda: update_waits(clock))
    runner._setup.shutdown_timeout = 200
    runner.shutdown()
    clock.run_until(lambda: len(update_waits(clock)) >= 12, step=0.5)
    assert max(update_waits(clock)) == 5


def test_each_result_has_pauses_of_its_own(server, runner, clock):
    server.fault("any_update", DOWN, first=8)
    server.add_task("t")
    runner.start_worker("t", lambda task: None)
    clock.run_until(lambda: server.accepted)
    server.fault("any_update", DOWN)
    before = len(update_waits(clock))
    server.add_task("t")
    clock.run_until(lambda: len(update_waits(clock)) > before, step=0.1)
    assert update_waits(clock)[before] <= 0.5


def test_the_pauses_of_polls_begin_anew_after_one_that_succeeds(server, runner, clock):
    server.fault("poll", DOWN, first=6)
    runner.start_worker("t", lambda task: None)
    clock.run_until(lambda: server.counts["poll"] > 6, step=0.5)
    assert max(clock.poll_waits()) > 2
    before = len(clock.poll_waits())
    server.fault("poll", DOWN)
    clock.run_until(lambda: len(clock.poll_waits()) >= before + 3, step=0.05)
    assert max(clock.poll_waits()[before : before + 3]) <= 1.125


def test_the_pace_of_idle_polls_begins_anew_after_a_task(server, runner, clock):
    runner.start_worker("t", lambda task: None, poll_timeout=0)
    clock.run_until(lambda: 1 in clock.poll_waits(), step=0.1)
    slowed_down = len(clock.poll_waits())
    server.add_task("t")
    clock.run_until(lambda: server.deliveries["t1"], step=0.1)
    eventually(lambda: 0.1 in clock.poll_waits()[slowed_down:])  # the clock stands still: a poll takes no time
