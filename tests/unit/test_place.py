"""When a place for worker processes starts the next one."""

import math

import pytest

from conductor.supervision import place as module
from conductor.supervision.place import Place
from conductor.supervision.reports import Reports


class Process:
    """A process that the test ends."""

    pid = 7
    problem = None

    def __init__(self, number):
        self.is_ready = True
        self.exit_status = None

    def order(self, order):
        """It obeys when the test ends it."""

    def ending(self):
        return f"exit status {self.exit_status}"


class Clock:
    now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def place_with_process(*, is_finite=False, waits_for_change=False):
    place = Place(1, Process, Reports(1), 30.0, is_finite=is_finite, waits_for_change=waits_for_change)
    look(place)
    return place


def look(place):
    place.notice()
    place.look()


def end(place, status=1, *, is_ready=True):
    place.child.is_ready = is_ready
    place.child.exit_status = status
    look(place)


def pause_after_end(place, clock):
    end(place)
    assert place.child is None
    pause = place.next_moment - clock.now
    clock.now = place.next_moment
    look(place)
    assert place.child is not None
    return pause


def test_pauses_grow_until_a_process_has_lived_for_long(clock):
    place = place_with_process()
    pauses = [pause_after_end(place, clock) for _ in range(10)]
    for pause, longest in zip(pauses, [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30], strict=True):
        assert 0.79 * longest < pause < 1.01 * longest
    clock.now += module.STEADY_AFTER + 1
    assert pause_after_end(place, clock) < 0.51


def test_a_process_that_cannot_start_waits_for_a_change(clock):
    place = place_with_process(waits_for_change=True)
    end(place, is_ready=False)
    assert place.next_moment == math.inf
    place.restart()
    look(place)
    assert place.child is not None


def test_with_reload_a_process_that_dies_later_is_replaced(clock):
    place = place_with_process(waits_for_change=True)
    end(place)
    assert place.next_moment < clock.now + 1


def test_a_change_replaces_the_process_at_its_end(clock):
    place = place_with_process()
    first = place.child
    place.restart()
    assert place.child is first
    end(place, 0)
    assert place.child is not first


@pytest.mark.parametrize(("status", "left"), [(0, False), (1, True)])
def test_a_finite_process_that_ends_by_itself_is_the_last_one(clock, status, left):
    place = place_with_process(is_finite=True)
    end(place, status)
    assert (place.has_ended, place.left_work) == (True, left)


@pytest.mark.parametrize("status", [-9, 2])
def test_a_finite_process_that_dies_is_replaced(clock, status):
    place = place_with_process(is_finite=True)
    end(place, status)
    assert not place.has_ended


def test_a_process_is_missing_until_the_next_one_is_started(clock):
    reports = Reports(1)
    place = Place(1, Process, reports, 30.0, is_finite=False, waits_for_change=False)
    look(place)
    end(place)
    assert not reports.health().healthy
    clock.now = place.next_moment
    look(place)
    assert (reports.health().healthy, reports.health().ready) == (True, False)


def test_a_drain_during_a_pause_ends_the_place(clock):
    place = place_with_process()
    end(place)
    place.drain()
    assert place.has_ended
    assert place.left_work
