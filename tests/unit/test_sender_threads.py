"""Results that no slot waits for: how many are sent at once, and what those that wait take up."""

import threading
import time

import pytest

from conductor._schedule import Schedule
from conductor._threads import ThreadsOnDemand
from conductor.delivery.sender_threads import MOST_THREADS, SenderThreads
from conductor.task_client import Delivery
from conductor.testing import FakeClock
from support.waiting import eventually


class Pending:
    """In the place of a PendingResult."""

    due = 10.0
    answer = Delivery([], [])


class Attempts:
    """A sender whose first attempt fails, and whose second succeeds; the pause ends with its time, or when told."""

    def __init__(self):
        self.made = 0
        self.hurries = False

    def first_attempt(self, pending):
        self.made += 1
        return False

    def next_attempt(self, pending):
        self.made += 1
        return True

    def is_pause_over(self, pending):
        return self.hurries


@pytest.fixture
def clock():
    return FakeClock(0)


@pytest.fixture
def sender_threads(clock):
    schedule = Schedule("test-schedule", clock)
    sender_threads = SenderThreads(schedule)
    yield sender_threads
    schedule.close()
    sender_threads.close()
    eventually(lambda: not [each for each in threading.enumerate() if each.name.startswith("conductor-send")])


def senders():
    return [each for each in threading.enumerate() if each.name.startswith("conductor-send")]


def test_results_that_wait_for_another_attempt_occupy_no_thread_and_are_sent_when_it_is_due(clock, sender_threads):
    attempts, done = [Attempts() for _ in range(200)], []
    for each in attempts:
        sender_threads.send(each, Pending(), done.append)
    assert senders() == []
    clock.advance(9)
    assert done == []
    eventually(lambda: clock.advance(1) or len(done) == 200)
    assert {each.made for each in attempts} == {2}
    assert len(senders()) <= MOST_THREADS


def test_a_hurry_sends_at_once_those_whose_pause_is_over_and_no_others(sender_threads, monkeypatch):
    monkeypatch.setattr(ThreadsOnDemand, "run", lambda self, job: job())
    over, patient, done = Attempts(), Attempts(), []
    for each in (over, patient):
        sender_threads.send(each, Pending(), lambda answer, each=each: done.append(each))
    over.hurries = True
    sender_threads.end_pauses()
    assert done == [over]
    sender_threads.end_pauses()
    assert (over.made, patient.made) == (2, 1)


def test_a_hurry_sends_nothing_that_is_due_just_then_a_second_time(clock, monkeypatch):
    monkeypatch.setattr(ThreadsOnDemand, "run", lambda self, job: job())
    schedule = Schedule("test-schedule", clock)
    monkeypatch.setattr(schedule, "cancel", lambda key: False)  # the schedule has begun with it
    sender_threads, attempts, done = SenderThreads(schedule), Attempts(), []
    sender_threads.send(attempts, Pending(), done.append)
    attempts.hurries = True
    sender_threads.end_pauses()
    assert attempts.made == 1
    clock.advance(Pending.due)
    eventually(lambda: done)
    assert attempts.made == 2
    schedule.close()


def test_a_pause_that_was_over_before_anyone_waited_is_not_waited_for(clock, sender_threads):
    attempts, done = Attempts(), []
    attempts.hurries = True
    sender_threads.send(attempts, Pending(), done.append)
    eventually(lambda: done)
    assert attempts.made == 2


def test_no_more_jobs_than_thirty_run_at_once_and_the_others_follow(sender_threads):
    gate, begun, ended = threading.Event(), threading.Semaphore(0), []

    def job():
        begun.release()
        gate.wait(20)
        ended.append(1)

    for _ in range(100):
        sender_threads.run(job)
    for _ in range(MOST_THREADS):
        assert begun.acquire(timeout=5)
    assert len(senders()) == MOST_THREADS == 30
    assert not begun.acquire(timeout=0.05)
    gate.set()
    eventually(lambda: len(ended) == 100)


def test_a_job_for_which_the_system_has_no_thread_runs_on_the_thread_that_asks(sender_threads, monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    ran = []
    sender_threads.run(lambda: ran.append(threading.current_thread()))
    assert ran == [threading.current_thread()]


class DueAtOnce(Schedule):
    """Its thread is faster than the one that plans a job."""

    def at(self, moment, job):
        key = super().at(self._clock.now(), job)
        time.sleep(0.05)
        return key


def test_a_result_that_is_due_in_the_moment_it_is_planned_is_not_kept_in_mind_after_its_end(clock):
    schedule = DueAtOnce("test-schedule", clock)
    threads, attempts, done = SenderThreads(schedule), Attempts(), []
    threads.send(attempts, Pending(), done.append)
    eventually(lambda: done)
    attempts.is_pause_over = done.append  # the end of pauses would ask
    threads.end_pauses()
    assert len(done) == 1
    schedule.close()
    threads.close()
