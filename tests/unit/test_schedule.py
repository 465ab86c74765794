"""Jobs at moments of a clock: which run, when, and on which thread."""

import math
import queue
import threading

import pytest

from conductor._clock import MonotonicClock
from conductor._schedule import Schedule
from conductor.testing import FakeClock
from support.waiting import eventually

SOON = 5.0
"""Seconds within which a job that is due must have begun; one takes some milliseconds."""


class WatchedClock(FakeClock):
    """Begins at 0, and moves when it is waited for: of a wait that begins at the same time none knows the end."""

    def __init__(self):
        super().__init__(0)
        self.due = None

    def wait(self, event, seconds):
        self.due = math.inf if seconds is None else self.now() + seconds
        while self.now() < self.due and not event.wait(0.005):
            pass
        self.due = None
        return event.is_set()

    def move(self, seconds, until):
        """Once somebody waits for that moment."""
        eventually(lambda: self.due == until)
        self.advance(seconds)


@pytest.fixture
def clock():
    return WatchedClock()


@pytest.fixture
def schedule(clock):
    schedule = Schedule("test-schedule", clock)
    yield schedule
    schedule.close()
    eventually(lambda: not threads())


@pytest.fixture
def ran():
    """What jobs put into it, in order."""
    return queue.Queue()


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("test-schedule")]


def test_jobs_run_in_the_order_of_their_moments_and_none_before_its_own(schedule, clock, ran):
    for moment in (3, 1, 2):
        schedule.at(moment, lambda moment=moment: ran.put((moment, clock.now())))
    for moment in (1, 2, 3):
        clock.move(0.5, until=moment)
        clock.move(0.5, until=moment)
        assert ran.get(timeout=SOON) == (moment, moment)
        assert ran.empty()


def test_jobs_of_one_moment_all_run_each_once(schedule, clock, ran):
    for number in range(50):
        schedule.at(1, lambda number=number: ran.put(number))
    clock.move(1, until=1)
    assert {ran.get(timeout=SOON) for _ in range(50)} == set(range(50))
    clock.move(10, until=math.inf)
    schedule.at(11, lambda: ran.put("last"))
    assert ran.get(timeout=SOON) == "last"


def test_a_moment_that_has_passed_is_now(schedule, clock, ran):
    schedule.at(-1, lambda: ran.put("late"))
    assert ran.get(timeout=SOON) == "late"


def test_a_cancelled_job_does_not_run_and_the_others_do(schedule, clock, ran):
    first, _, third = (schedule.at(1, lambda number=number: ran.put(number)) for number in (1, 2, 3))
    for key in (first, third, first, object(), None):
        schedule.cancel(key)
    clock.move(1, until=1)
    assert ran.get(timeout=SOON) == 2
    schedule.at(1, lambda: ran.put("last"))
    assert ran.get(timeout=SOON) == "last"


def test_an_earlier_job_that_is_added_while_a_later_one_is_waited_for_runs_at_its_own_moment(schedule, clock, ran):
    schedule.at(100, lambda: ran.put("later"))
    eventually(lambda: clock.due == 100)
    schedule.at(1, lambda: ran.put("earlier"))
    clock.move(1, until=1)
    assert ran.get(timeout=SOON) == "earlier"
    clock.move(99, until=100)
    assert ran.get(timeout=SOON) == "later"


def test_a_job_can_ask_for_the_next(schedule, clock, ran):
    def job():
        ran.put(clock.now())
        schedule.at(clock.now() + 1, job)

    schedule.at(1, job)
    for moment in range(1, 6):
        clock.move(1, until=moment)
        assert ran.get(timeout=SOON) == moment
    assert ran.empty()


def test_there_is_no_thread_before_the_first_job_and_none_after_the_end(schedule, clock, ran):
    assert not threads()
    schedule.cancel(object())
    assert not threads()
    schedule.at(0, lambda: ran.put(threading.current_thread()))
    schedule.at(1, lambda: ran.put("forgotten"))
    assert ran.get(timeout=SOON) in threads()
    schedule.close()
    eventually(lambda: not threads())
    schedule.close()
    clock.advance(1)
    assert not threads()
    assert ran.empty()


def test_after_its_end_it_can_be_used_again_and_knows_nothing_of_before(schedule, clock, ran):
    for number in range(20):
        schedule.at(number + 1, lambda: ran.put("forgotten"))
        schedule.close()
        eventually(lambda: not threads())
        schedule.at(number + 1, lambda number=number: ran.put(number))
        clock.move(1, until=number + 1)
        assert ran.get(timeout=SOON) == number
    assert ran.empty()


def test_a_job_that_runs_at_the_end_is_not_disturbed_and_its_thread_ends_with_it(schedule, clock, ran):
    release = threading.Event()
    schedule.at(0, lambda: (ran.put("begun"), release.wait(SOON), ran.put("done")))
    assert ran.get(timeout=SOON) == "begun"
    schedule.close()
    eventually(lambda: len(threads()) == 1)
    release.set()
    assert ran.get(timeout=SOON) == "done"
    eventually(lambda: not threads())


def test_without_a_thread_left_in_the_system_a_job_runs_with_the_next_one(schedule, clock, ran, monkeypatch, caplog):
    def start(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as exhausted:
        exhausted.setattr(threading.Thread, "start", start)
        schedule.at(0, lambda: ran.put("first"))
    assert "no thread for timers" in caplog.text
    assert ran.empty()
    schedule.at(0, lambda: ran.put("second"))
    assert {ran.get(timeout=SOON), ran.get(timeout=SOON)} == {"first", "second"}


def test_a_job_that_finds_no_thread_for_its_work_is_repeated_a_second_later(schedule, clock, ran, caplog):
    def job():
        if clock.now() < 2:
            ran.put("refused")
            raise RuntimeError("can't start new thread")
        ran.put("done")

    schedule.at(0, job)
    schedule.at(0, lambda: ran.put("another"))
    assert [ran.get(timeout=SOON), ran.get(timeout=SOON)] == ["refused", "another"]
    clock.move(1, until=1)
    assert ran.get(timeout=SOON) == "refused"
    clock.move(1, until=2)
    assert ran.get(timeout=SOON) == "done"
    assert caplog.text.count("a timer is late: can't start new thread") == 2


def test_a_cancellation_tells_whether_it_came_in_time(schedule, clock, ran):
    key = schedule.at(1, lambda: ran.put("ran"))
    begun = schedule.at(0, lambda: ran.put("begun"))
    assert ran.get(timeout=SOON) == "begun"
    assert not schedule.cancel(begun)
    assert schedule.cancel(key)
    assert not schedule.cancel(key)


def test_a_job_that_is_due_in_thirty_thousand_years_stops_no_other(ran):
    schedule = Schedule("test-schedule", MonotonicClock())
    schedule.at(1e12, lambda: ran.put("far"))
    for number in range(3):
        schedule.at(0, lambda number=number: ran.put(number))
        assert ran.get(timeout=SOON) == number
    schedule.close()
    eventually(lambda: not threads())


def test_a_bug_in_a_job_is_logged_and_the_others_run(schedule, clock, ran, caplog):
    def breaks():
        raise ValueError

    schedule.at(1, breaks)
    schedule.at(1, lambda: ran.put("beside"))
    clock.move(1, until=1)
    assert ran.get(timeout=SOON) == "beside"
    schedule.at(2, lambda: ran.put("later"))
    clock.move(1, until=2)
    assert ran.get(timeout=SOON) == "later"
    assert "a bug ended a timer" in caplog.text
