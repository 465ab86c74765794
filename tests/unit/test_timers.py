"""Jobs at moments of a clock: which run, when, and what threads that takes; and the end of an event loop."""

import math
import queue
import threading

import pytest

from conductor._clock import MonotonicClock
from conductor._threads import Timers
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
def timers(clock):
    timers = Timers("test-timers", clock)
    yield timers
    timers.close()
    eventually(lambda: not threads())


@pytest.fixture
def ran():
    """What jobs put into it, in order."""
    return queue.Queue()


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("test-timers")]


def test_jobs_run_in_the_order_of_their_moments_and_none_before_its_own(timers, clock, ran):
    for moment in (3, 1, 2):
        timers.at(moment, lambda moment=moment: ran.put((moment, clock.now())))
    for moment in (1, 2, 3):
        clock.move(0.5, until=moment)
        clock.move(0.5, until=moment)
        assert ran.get(timeout=SOON) == (moment, moment)
        assert ran.empty()


def test_jobs_of_one_moment_all_run_each_once(timers, clock, ran):
    for number in range(50):
        timers.at(1, lambda number=number: ran.put(number))
    clock.move(1, until=1)
    assert {ran.get(timeout=SOON) for _ in range(50)} == set(range(50))
    clock.move(10, until=math.inf)
    timers.at(11, lambda: ran.put("last"))
    assert ran.get(timeout=SOON) == "last"


def test_a_moment_that_has_passed_is_now(timers, clock, ran):
    timers.at(-1, lambda: ran.put("late"))
    assert ran.get(timeout=SOON) == "late"


def test_a_cancelled_job_does_not_run_and_the_others_do(timers, clock, ran):
    first, _, third = (timers.at(1, lambda number=number: ran.put(number)) for number in (1, 2, 3))
    for key in (first, third, first, object(), None):
        timers.cancel(key)
    clock.move(1, until=1)
    assert ran.get(timeout=SOON) == 2
    timers.at(1, lambda: ran.put("last"))
    assert ran.get(timeout=SOON) == "last"


def test_an_earlier_job_that_is_added_while_a_later_one_is_waited_for_runs_at_its_own_moment(timers, clock, ran):
    timers.at(100, lambda: ran.put("later"))
    eventually(lambda: clock.due == 100)
    timers.at(1, lambda: ran.put("earlier"))
    clock.move(1, until=1)
    assert ran.get(timeout=SOON) == "earlier"
    clock.move(99, until=100)
    assert ran.get(timeout=SOON) == "later"


def test_a_job_that_takes_long_holds_up_no_other(timers, clock, ran):
    release = threading.Event()
    for moment in (1, 1, 2):
        timers.at(moment, lambda: (ran.put(clock.now()), release.wait(SOON)))
    clock.move(1, until=1)
    assert [ran.get(timeout=SOON), ran.get(timeout=SOON)] == [1, 1]
    clock.move(1, until=2)
    assert ran.get(timeout=SOON) == 2
    release.set()


def test_a_job_can_ask_for_the_next(timers, clock, ran):
    def job():
        ran.put(clock.now())
        timers.at(clock.now() + 1, job)

    timers.at(1, job)
    for moment in range(1, 6):
        clock.move(1, until=moment)
        assert ran.get(timeout=SOON) == moment
    assert ran.empty()


def test_there_is_no_thread_before_the_first_job_and_none_after_the_end(timers, clock, ran):
    assert not threads()
    timers.cancel(object())
    assert not threads()
    timers.at(0, lambda: ran.put(threading.current_thread()))
    timers.at(1, lambda: ran.put("forgotten"))
    assert ran.get(timeout=SOON) in threads()
    timers.close()
    eventually(lambda: not threads())
    timers.close()
    clock.advance(1)
    assert not threads()
    assert ran.empty()


def test_after_its_end_it_can_be_used_again_and_knows_nothing_of_before(timers, clock, ran):
    for number in range(20):
        timers.at(number + 1, lambda: ran.put("forgotten"))
        timers.close()
        eventually(lambda: not threads())
        timers.at(number + 1, lambda number=number: ran.put(number))
        clock.move(1, until=number + 1)
        assert ran.get(timeout=SOON) == number
    assert ran.empty()


def test_a_job_that_runs_at_the_end_is_not_disturbed_and_its_thread_ends_with_it(timers, clock, ran):
    release = threading.Event()
    timers.at(0, lambda: (ran.put("begun"), release.wait(SOON), ran.put("done")))
    assert ran.get(timeout=SOON) == "begun"
    timers.close()
    eventually(lambda: len(threads()) == 1)
    release.set()
    assert ran.get(timeout=SOON) == "done"
    eventually(lambda: not threads())


def test_without_a_thread_left_in_the_system_a_job_runs_with_the_next_one(timers, clock, ran, monkeypatch, caplog):
    def start(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as exhausted:
        exhausted.setattr(threading.Thread, "start", start)
        timers.at(0, lambda: ran.put("first"))
    assert "no thread for timers" in caplog.text
    assert ran.empty()
    timers.at(0, lambda: ran.put("second"))
    assert {ran.get(timeout=SOON), ran.get(timeout=SOON)} == {"first", "second"}


def test_a_due_job_that_finds_no_thread_runs_a_second_later(timers, clock, ran, monkeypatch):
    refused = threading.Event()
    original = threading.Thread.start

    def start(thread):
        if thread.name == "test-timers-1":
            monkeypatch.undo()
            refused.set()
            raise RuntimeError("can't start new thread")
        original(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    timers.at(0, lambda: ran.put("done"))
    assert refused.wait(SOON)
    clock.move(1, until=1)
    assert ran.get(timeout=SOON) == "done"


def test_a_job_that_is_due_in_thirty_thousand_years_stops_no_other(ran):
    timers = Timers("test-timers", MonotonicClock())
    timers.at(1e12, lambda: ran.put("far"))
    for number in range(3):
        timers.at(0, lambda number=number: ran.put(number))
        assert ran.get(timeout=SOON) == number
    timers.close()
    eventually(lambda: not threads())
