"""Results that no slot waits for: how many are sent at once, and what those that wait take up."""

import threading

import pytest

from conductor._schedule import Schedule
from conductor.delivery.outgoing import MOST_THREADS, Outgoing
from conductor.task_client import Delivery
from conductor.testing import FakeClock
from support.waiting import eventually


class Parcel:
    """In the place of a PendingResult."""

    due = 10.0
    answer = Delivery([], [])


class Attempts:
    """A sender whose first attempt fails, and whose second succeeds; the pause ends with its time, or when told."""

    def __init__(self):
        self.made = 0
        self.hurries = False

    def begin(self, pending):
        self.made += 1
        return False

    def go_on(self, pending):
        self.made += 1
        return True

    def is_pause_over(self, pending):
        return self.hurries


@pytest.fixture
def clock():
    return FakeClock(0)


@pytest.fixture
def outgoing(clock):
    schedule = Schedule("test-schedule", clock)
    outgoing = Outgoing(schedule)
    yield outgoing
    schedule.close()
    outgoing.close()
    eventually(lambda: not [each for each in threading.enumerate() if each.name.startswith("conductor-send")])


def senders():
    return [each for each in threading.enumerate() if each.name.startswith("conductor-send")]


def test_results_that_wait_for_another_attempt_occupy_no_thread_and_are_sent_when_it_is_due(clock, outgoing):
    attempts, done = [Attempts() for _ in range(200)], []
    for each in attempts:
        outgoing.send(each, Parcel(), done.append)
    assert senders() == []
    clock.advance(9)
    assert done == []
    eventually(lambda: clock.advance(1) or len(done) == 200)
    assert {each.made for each in attempts} == {2}
    assert len(senders()) <= MOST_THREADS


def test_a_hurry_sends_at_once_those_whose_pause_is_over_and_no_others(clock, outgoing):
    hurried, patient, done = Attempts(), Attempts(), []
    for each in (hurried, patient):
        outgoing.send(each, Parcel(), lambda answer, each=each: done.append(each))
    hurried.hurries = True
    outgoing.hurry()
    eventually(lambda: done == [hurried])
    outgoing.hurry()
    assert (hurried.made, patient.made) == (2, 1)


def test_a_pause_that_was_over_before_anyone_waited_is_not_waited_for(clock, outgoing):
    attempts, done = Attempts(), []
    attempts.hurries = True
    outgoing.send(attempts, Parcel(), done.append)
    eventually(lambda: done)
    assert attempts.made == 2


def test_no_more_jobs_than_thirty_run_at_once_and_the_others_follow(outgoing):
    gate, begun, ended = threading.Event(), threading.Semaphore(0), []

    def job():
        begun.release()
        gate.wait(20)
        ended.append(1)

    for _ in range(100):
        outgoing.run(job)
    for _ in range(MOST_THREADS):
        assert begun.acquire(timeout=5)
    assert len(senders()) == MOST_THREADS == 30
    assert not begun.acquire(timeout=0.05)
    gate.set()
    eventually(lambda: len(ended) == 100)


def test_a_job_for_which_the_system_has_no_thread_runs_on_the_thread_that_asks(outgoing, monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    ran = []
    outgoing.run(lambda: ran.append(threading.current_thread()))
    assert ran == [threading.current_thread()]
