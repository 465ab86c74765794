"""Capacity under change: what may be taken, when a worker has ended, and who is woken."""

import threading

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from conductor import _recording
from conductor._flag import Flag
from conductor.runner.capacity import Capacity
from support.waiting import eventually


def make(limit, on_end=lambda: None):
    return Capacity("t", limit, Flag(), on_end)


def in_thread(call):
    done = []
    thread = threading.Thread(target=lambda: done.append(call()))
    thread.start()
    return thread, done


@pytest.fixture
def waits(monkeypatch):
    """Why somebody waits for a slot, as the metrics are told."""
    said = []
    for name in ("paused", "queue_full"):
        counter = getattr(_recording, name)
        monkeypatch.setattr(counter, "count", lambda task_name, name=name: said.append(name))
    return said


def test_all_free_slots_are_taken_or_as_many_as_asked_for():
    capacity = make(5)
    assert capacity.take(1) == 1
    assert capacity.take(99) == 4


@pytest.mark.parametrize(
    ("wake", "taken"),
    [
        (lambda capacity: capacity.give_back(), 1),
        (lambda capacity: capacity.change_limit(to=2), 1),
        (lambda capacity: capacity.change_limit(by=1), 1),
        (lambda capacity: capacity.close(), 0),
    ],
    ids=["a slot", "a higher limit", "an added one", "the end"],
)
def test_a_taker_waits_and_is_woken(waits, wake, taken):
    capacity = make(1)
    capacity.take(1)
    thread, done = in_thread(lambda: capacity.take(99))
    eventually(lambda: waits == ["queue_full"])
    assert not done
    wake(capacity)
    thread.join(5)
    assert done == [taken]


def test_a_paused_worker_takes_nothing_until_it_is_resumed(waits):
    capacity = make(3)
    capacity.pause()
    thread, done = in_thread(lambda: capacity.take(99))
    eventually(lambda: waits == ["paused"])
    assert not done
    capacity.resume()
    thread.join(5)
    assert done == [3]


def test_a_slot_in_use_may_not_continue_when_paused_closed_or_over_the_limit():
    capacity = make(2)
    capacity.take(2)
    assert capacity.may_continue()
    capacity.pause()
    assert not capacity.may_continue()
    capacity.resume()
    capacity.change_limit(to=1)
    assert not capacity.may_continue()
    capacity.change_limit(to=2)
    assert capacity.may_continue()
    capacity.close()
    assert not capacity.may_continue()


def test_a_polled_task_may_begin_over_a_lowered_limit_but_not_while_paused_or_closed():
    capacity = make(2)
    capacity.take(2)
    capacity.change_limit(to=0)
    assert capacity.may_begin()
    capacity.pause()
    assert not capacity.may_begin()
    capacity.resume()
    capacity.close()
    assert not capacity.may_begin()


def test_a_worker_ends_after_its_last_request():
    ends = []
    capacity = make(1, lambda: ends.append(1))
    capacity.request_started()
    capacity.close()
    assert not capacity.has_ended
    assert not capacity.wait_for_requests(0.01, lambda: False)
    capacity.request_done()
    assert capacity.has_ended
    assert ends == [1]
    assert capacity.wait_for_requests(0, lambda: False)
    assert not capacity.wait_for_requests(0.01, lambda: True)


class CapacityAgainstAModel(RuleBasedStateMachine):
    """Any order of calls: no more is taken than the limit allows at that moment, and the end is told exactly once."""

    def __init__(self):
        super().__init__()
        self.ends = []
        self.capacity = make(3, lambda: self.ends.append(1))
        self.limit, self.taken, self.requests, self.paused, self.closed = 3, 0, 0, False, False

    def may_take(self):
        return self.closed or (not self.paused and self.taken < self.limit)

    @precondition(may_take)
    @rule(at_most=st.integers(1, 9))
    def take(self, at_most):
        expected = 0 if self.closed else min(self.limit - self.taken, at_most)
        assert self.capacity.take(at_most) == expected
        self.taken += expected

    @precondition(lambda self: self.taken)
    @rule()
    def give_back(self):
        self.capacity.give_back()
        self.taken -= 1

    @precondition(lambda self: not self.ends)  # a request belongs to a poll or to a slot
    @rule()
    def start_a_request(self):
        self.capacity.request_started()
        self.requests += 1

    @precondition(lambda self: self.requests)
    @rule()
    def end_a_request(self):
        self.capacity.request_done()
        self.requests -= 1

    @rule(limit=st.integers(0, 5))
    def set_limit(self, limit):
        self.capacity.change_limit(to=limit)
        self.limit = limit

    @rule(change=st.integers(-3, 3))
    def adjust(self, change):
        self.capacity.change_limit(by=change)
        self.limit = max(0, self.limit + change)

    @rule(pause=st.booleans())
    def pause(self, pause):
        (self.capacity.pause if pause else self.capacity.resume)()
        self.paused = pause

    @rule()
    def close(self):
        self.capacity.close()
        self.closed = True

    @invariant()
    def agrees(self):
        assert self.capacity.limit == self.limit
        assert self.capacity.has_ended == (self.closed and self.taken == self.requests == 0)
        assert len(self.ends) == int(self.capacity.has_ended)
        assert self.capacity.may_continue() == (not self.closed and not self.paused and self.taken <= self.limit)


TestCapacityAgainstAModel = CapacityAgainstAModel.TestCase
TestCapacityAgainstAModel.settings = settings(max_examples=100, stateful_step_count=30)
