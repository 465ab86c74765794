"""Capacity under change: what may be taken, when a worker has ended, and who is woken."""

import threading
from datetime import timedelta

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from conductor._flag import Flag
from conductor.runner.slots import Slots


def make(limit, on_wait=lambda why: None, on_end=lambda: None):
    return Slots(limit, on_wait, on_end)


def test_all_free_slots_are_taken_or_as_many_as_asked_for():
    slots = make(5)
    assert slots.take(at_most=1) == 1
    assert slots.take() == 4


def in_thread(call):
    done = []
    thread = threading.Thread(target=lambda: done.append(call()))
    thread.start()
    return thread, done


def test_a_taker_waits_and_is_woken_by_a_slot_a_higher_limit_a_resume_and_the_end():
    for wake in (
        lambda slots: slots.give_back(),
        lambda slots: setattr(slots, "limit", 2),
        lambda slots: slots.adjust_limit(1),
        lambda slots: slots.close(),
    ):
        waits = []
        slots = make(1, on_wait=waits.append)
        slots.take()
        thread, done = in_thread(slots.take)
        while not waits:
            thread.join(0.01)
        assert not done
        wake(slots)
        thread.join(5)
        assert done == [0 if slots.closed else 1]
        assert waits == ["queue_full"]


def test_a_paused_worker_takes_nothing_until_it_is_resumed():
    waits = []
    slots = make(3, on_wait=waits.append)
    slots.pause()
    thread, done = in_thread(slots.take)
    while not waits:
        thread.join(0.01)
    assert waits == ["paused"]
    assert not done
    slots.resume()
    thread.join(5)
    assert done == [3]


def test_a_slot_in_use_may_not_continue_when_paused_closed_or_over_the_limit():
    slots = make(2)
    slots.take()
    assert slots.may_continue()
    slots.pause()
    assert not slots.may_continue()
    slots.resume()
    slots.limit = 1
    assert not slots.may_continue()
    slots.limit = 2
    assert slots.may_continue()
    slots.close()
    assert not slots.may_continue()


def test_a_flag_is_true_when_it_is_set():
    flag = Flag()
    assert not flag
    flag.set()
    assert flag


def test_a_flag_can_be_waited_for_in_seconds_or_by_a_timedelta():
    flag = Flag()
    assert not flag.wait(0.001)
    assert not flag.wait(timedelta(milliseconds=1))
    flag.set()
    assert flag.wait(timedelta(days=1))


class SlotsAgainstAModel(RuleBasedStateMachine):
    """Any order of calls: no more is taken than the limit allows at that moment, and the end is told exactly once."""

    def __init__(self):
        super().__init__()
        self.ends = []
        self.slots = make(3, on_end=lambda: self.ends.append(1))
        self.limit, self.taken, self.paused, self.closed = 3, 0, False, False

    def may_take(self):
        return self.closed or (not self.paused and self.taken < self.limit)

    @precondition(may_take)
    @rule(at_most=st.none() | st.integers(1, 3))
    def take(self, at_most):
        expected = 0 if self.closed else min(self.limit - self.taken, at_most or 99)
        assert self.slots.take(at_most) == expected
        self.taken += expected

    @precondition(lambda self: self.taken)
    @rule()
    def give_back(self):
        self.slots.give_back()
        self.taken -= 1

    @rule(limit=st.integers(0, 5))
    def set_limit(self, limit):
        self.slots.limit = self.limit = limit

    @rule(change=st.integers(-3, 3))
    def adjust(self, change):
        self.slots.adjust_limit(change)
        self.limit = max(0, self.limit + change)

    @rule(pause=st.booleans())
    def pause(self, pause):
        (self.slots.pause if pause else self.slots.resume)()
        self.paused = pause

    @rule()
    def close(self):
        self.slots.close()
        self.closed = True

    @invariant()
    def agrees(self):
        assert self.slots.limit == self.limit
        assert self.slots.ended == (self.closed and self.taken == 0)
        assert len(self.ends) == int(self.slots.ended)
        assert self.slots.may_continue() == (not self.closed and not self.paused and self.taken <= self.limit)


TestSlotsAgainstAModel = SlotsAgainstAModel.TestCase
TestSlotsAgainstAModel.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
