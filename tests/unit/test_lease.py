"""A task's lease: when it is extended, how failures are made up for, and when that ends.

Most of it on one thread, with an agenda in the place of the timers, so that each moment is exact.
"""

import contextlib
import queue
import random
import threading
from types import SimpleNamespace

import pytest
from hypothesis import given, settings, strategies as st

from conductor import NotFoundError, ServerError, Task, TransportError
from conductor._flag import Flag
from conductor._schedule import Schedule
from conductor.delivery.lease import Lease, LeaseKeeper
from conductor.testing import FakeClock
from support.waiting import eventually

repeatably = settings(derandomize=True, deadline=None)
responses = st.integers(1, 3600)
UNKNOWN = NotFoundError(404, "POST", "/tasks", "No such task found by id: t1", conductor=True)
DOWN = TransportError("down")
ROUNDING = 1e-6
"""Of seconds that are differences of two moments."""


class Agenda:
    """``Schedule`` on the thread that asks for the time to pass."""

    def __init__(self, clock):
        self.clock = clock
        self.jobs = {}

    def at(self, moment, job):
        key = object()
        self.jobs[key] = (moment, job)
        return key

    def cancel(self, key):
        self.jobs.pop(key, None)

    def run_until(self, end):
        while due := [(moment, key) for key, (moment, _) in self.jobs.items() if moment <= end]:
            moment, key = min(due, key=lambda entry: entry[0])
            self.clock.advance(max(0.0, moment - self.clock.now()))
            self.jobs.pop(key)[1]()
        self.clock.advance(max(0.0, end - self.clock.now()))


class AtOnce:
    """``ThreadsOnDemand`` that are this one."""

    def run(self, job):
        job()


class Held:
    """A lease of T seconds that began when it was made, or ``age`` seconds earlier, and what was sent for it.

    answers: one after the other, an error or None and how long it takes; then it is None at once.
    """

    def __init__(self, seconds, answers=(), age=0.0, duration=0.0):
        self.clock = FakeClock(0)
        self.agenda = Agenda(self.clock)
        self.start = -age
        self.T = seconds
        self.answers = list(answers)
        self.duration = duration
        self.sent = []
        self.accepted = []
        self.timeouts = []
        self.lost = Flag()
        task = Task("t1", "w1", response_timeout_seconds=seconds)
        self.lease = Lease("t", task, self.start, self.lost)
        self.keeper = LeaseKeeper(self, "me", self.clock, self.agenda)
        self.keeper._threads = AtOnce()
        self.keeper.keep(self.lease)
        self.is_repeat = False
        self.meanwhile = lambda: None

    def wait_for_threads(self):
        """From now on extensions wait until the test runs them. Returns those that wait."""
        waiting = []
        self.keeper._threads = SimpleNamespace(run=waiting.append)
        self.keeper.keep(self.lease)
        return waiting

    @contextlib.contextmanager
    def update(self):
        """As a result is sent: while an attempt is under way the lease is held, and kept again when it has failed."""
        self.keeper.hold(self.lease)
        self.keeper.extend_held(self.lease, self.is_repeat)
        try:
            yield
        except TransportError:
            self.is_repeat = True
            self.keeper.keep(self.lease)
            raise

    def extend_lease(self, task, worker_id, timeout):
        started = self.clock.now()
        self.sent.append(started)
        self.meanwhile()
        self.timeouts.append(timeout)
        error, duration = self.answers.pop(0) if self.answers else (None, self.duration)
        self.clock.advance(duration)
        if error is not None:
            raise error
        self.accepted.append(started)

    def run(self, leases):
        """So many of its lengths."""
        self.agenda.run_until(self.clock.now() + leases * self.T)

    def gaps(self, moments):
        """Of these moments, from the beginning on, in parts of the lease."""
        return [(later - earlier) / self.T for earlier, later in zip([self.start, *moments], moments, strict=False)]


def fail_an_update(held, leases=0):
    """One that takes so many lengths of the lease."""
    with contextlib.suppress(TransportError), held.update():
        held.run(leases)
        raise DOWN


@repeatably
@given(responses, st.floats(0, 1 / 6))
def test_extensions_are_sent_between_a_third_and_a_half_of_the_lease_counted_from_the_send_of_the_last(T, part):
    held = Held(T, duration=part * T)
    held.run(10)
    assert len(held.sent) >= 20
    assert all(1 / 3 - ROUNDING <= gap < 1 / 2 for gap in held.gaps(held.sent))
    assert held.lease.renewed_at == held.accepted[-1]


@repeatably
@given(responses, st.floats(0, 1 / 4))
def test_the_first_is_counted_from_the_receipt_however_much_later_it_was_taken_up(T, age):
    held = Held(T, age=age * T)
    assert held.lease.renewed_at == held.start
    held.run(1 / 2)
    assert 1 / 3 - ROUNDING <= held.gaps(held.sent)[0] < 1 / 2


def test_of_a_lease_that_was_taken_up_late_it_is_sent_at_once():
    held = Held(10, age=9)
    held.run(0)
    assert held.sent == [0]


def test_moments_differ_from_task_to_task():
    assert len({Held(60).agenda.jobs.popitem()[1][0] for _ in range(20)}) > 10


def test_an_extension_is_given_up_after_a_sixth_of_the_lease():
    held = Held(60)
    held.run(2)
    assert set(held.timeouts) == {10}


@repeatably
@given(responses, st.integers(1, 8))
def test_one_that_fails_at_once_is_repeated_each_tenth_of_the_lease(T, failures):
    held = Held(T, [(DOWN, 0)] * failures)
    held.run(3)
    first, *repeated = held.gaps(held.sent)[: failures + 1]
    assert 1 / 3 - ROUNDING <= first <= 5 / 12 + ROUNDING
    assert repeated == pytest.approx([1 / 10] * failures)
    assert all(1 / 3 - ROUNDING <= gap < 1 / 2 for gap in held.gaps(held.sent)[failures + 1 :])


@repeatably
@given(
    st.sampled_from([1, 3, 10, 60, 3600]) | responses,
    st.lists(st.tuples(st.floats(0, 1 / 6), st.floats(0, 1 / 6), st.integers(0, 2)), min_size=1, max_size=10),
)
def test_while_two_of_three_fail_the_whole_lease_never_passes_between_two_that_are_accepted(T, turns):
    """Slowly, and at worst as slowly as one may be."""
    answers = []
    for failure, success, failures in turns:
        answers += [(DOWN, failure * T)] * failures + [(None, success * T)]
    held = Held(T, answers)
    held.run(20)
    assert not held.answers
    assert max(held.gaps(held.accepted)) < 1


def test_failures_go_on_for_as_long_as_it_takes_and_success_is_back_to_normal():
    held = Held(10, [(ServerError(500, "POST", "/tasks", "database"), 0)] * 1000)
    held.run(150)
    assert len(held.accepted) > 100
    assert all(1 / 3 - ROUNDING <= gap < 1 / 2 for gap in held.gaps(held.accepted)[1:])


def test_failures_are_said_once_per_change_of_state(caplog):
    held = Held(10, [(DOWN, 0)] * 5 + [(None, 0)] + [(DOWN, 0)] * 5)
    held.run(5)
    assert caplog.text.count("extensions of a lease fail and are repeated: down (task_id='t1'") == 2


def test_a_task_that_the_server_does_not_know_is_lost_and_extended_no_more(caplog):
    held = Held(10, [(None, 0), (UNKNOWN, 0)])
    held.run(20)
    assert len(held.sent) == 2
    assert held.lost
    assert "t1" in caplog.text
    assert not held.agenda.jobs


def test_a_lost_task_is_not_extended_while_its_result_waits():
    held = Held(10, [(UNKNOWN, 0)])
    held.run(1)
    held.keeper.keep(held.lease)
    held.run(5)
    assert len(held.sent) == 1


def test_an_extension_that_waited_for_its_thread_is_not_sent_when_the_lease_is_held_by_then():
    held = Held(10)
    waiting = held.wait_for_threads()
    held.run(1)
    held.keeper.hold(held.lease)
    for job in waiting:
        job()
    assert waiting
    assert not held.sent


def test_of_two_extensions_that_waited_for_their_threads_one_is_sent():
    held = Held(10)
    waiting = held.wait_for_threads()
    held.run(1)
    held.keeper.keep(held.lease)  # anew, after an attempt to send its result
    held.run(1)
    first, second = waiting
    held.meanwhile = second
    first()
    assert len(held.sent) == 1


@pytest.mark.parametrize(
    "error",
    [
        NotFoundError(404, "POST", "/tasks", "No such task found by id: t1", conductor=False),
        NotFoundError(404, "POST", "/tasks", "No static resource api/tasks.", conductor=True),
    ],
    ids=["of something in between", "of another kind"],
)
def test_another_404_is_a_failure_like_any_other(error):
    held = Held(10, [(error, 0)])
    held.run(1)
    assert held.accepted
    assert not held.lost


def test_a_bug_in_an_extension_ends_neither_the_extensions_nor_an_update(caplog):
    held = Held(30, [(ValueError("a bug"), 0.0)] * 2)
    held.run(1)
    assert len(held.accepted) >= 1
    held.answers = [(ValueError("a bug"), 0.0)]
    fail_an_update(held, 1)
    with held.update():
        pass
    assert held.answers == []
    assert caplog.text.count("a bug kept a lease from being extended (task_id='t1'") == 3


def test_what_came_due_during_a_failed_update_is_sent_before_the_next():
    held = Held(30)
    fail_an_update(held, 1)
    assert held.sent == []
    with held.update():
        assert len(held.accepted) == 1


def test_an_ended_lease_is_not_extended():
    held = Held(10)
    held.run(1)
    before = len(held.sent)
    held.keeper.end(held.lease)
    held.keeper.end(held.lease)
    held.run(10)
    assert len(held.sent) == before
    assert not held.agenda.jobs


def test_no_extension_is_sent_while_an_update_is_under_way_and_none_after_its_success():
    held = Held(10)
    with held.update():
        held.run(3)
    held.run(3)
    assert not held.sent
    assert not held.agenda.jobs


@repeatably
@given(st.integers(1, 6), st.floats(0, 1))
def test_after_an_update_that_failed_it_goes_on(updates, duration):
    held = Held(10)
    held.run(1)
    for _ in range(updates):
        with contextlib.suppress(TransportError), held.update():
            before = len(held.sent)
            held.run(duration)
            assert len(held.sent) == before
            raise DOWN
        held.run(1 / 2)
        assert len(held.sent) > before


def test_each_attempt_but_the_first_begins_with_a_lease_that_is_nearly_new():
    held = Held(10)
    for _ in range(5):
        fail_an_update(held, 2 / 3)
        held.run(1 / 8)
    assert max(held.gaps(held.accepted)) < 1
    fail_an_update(held)
    fail_an_update(held)
    assert held.gaps(held.accepted)[-1] > 1 / 10  # not twice at a moment


def test_what_came_due_during_a_failed_update_follows_within_a_tenth_of_the_lease():
    held = Held(10)
    fail_an_update(held, 1 / 2)
    held.run(1 / 10)
    assert len(held.sent) == 1


def test_an_end_after_an_update_that_failed_is_the_end():
    held = Held(10)
    fail_an_update(held)
    held.keeper.end(held.lease)
    held.run(3)
    assert not held.sent


class Script:
    """A TaskClient whose ``extend_lease`` is held until it is let go; ``inside`` gets a word for each that begins."""

    def __init__(self):
        self.inside = queue.Queue()
        self.go = threading.Semaphore(0)

    def extend_lease(self, task, worker_id, timeout):
        self.inside.put("begun")
        assert self.go.acquire(timeout=20)


@pytest.fixture
def clock():
    return FakeClock(0)


@pytest.fixture
def schedule(clock):
    schedule = Schedule("test-schedule", clock)
    yield schedule
    schedule.close()
    eventually(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("test-schedule")])


@pytest.fixture
def keeper(schedule, clock):
    """For a client; ended with the test."""
    keepers = []

    def make(client):
        keepers.append(LeaseKeeper(client, "me", clock, schedule))
        return keepers[-1]

    yield make
    for each in keepers:
        each.close()
    eventually(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("conductor-lease")])


def a_lease(clock, task_id="t1", seconds=10):
    return Lease("t", Task(task_id, "w1", response_timeout_seconds=seconds), clock.now(), Flag())


def until(clock, probe, step=0.5):
    """Let time pass until the probe is true."""

    def look():
        clock.advance(step)
        return probe()

    eventually(look)


def run_what_is_due(schedule, clock):
    """Whatever was due before has begun, too."""
    begun = threading.Event()
    schedule.at(clock.now(), begun.set)
    until(clock, begun.is_set)  # time passes: of a wait that began while the clock was moved the end comes later


def in_thread(call):
    ended = threading.Event()
    threading.Thread(target=lambda: (call(), ended.set())).start()
    return ended


def test_two_extensions_are_never_under_way_together(keeper, schedule, clock):
    client, lease = Script(), a_lease(clock)
    leases = keeper(client)
    leases.keep(lease)
    for _ in range(3):
        until(clock, lambda: not client.inside.empty())
        clock.advance(100)  # ten leases
        run_what_is_due(schedule, clock)
        assert client.inside.get() == "begun"
        assert client.inside.empty()
        client.go.release()
    client.go.release()  # the last one took so long that another is due at once, and may begin before the end
    leases.end(lease)


def test_a_hold_waits_for_the_extension_that_is_under_way_and_none_follows(keeper, schedule, clock):
    client, lease = Script(), a_lease(clock)
    leases = keeper(client)
    leases.keep(lease)
    until(clock, lambda: not client.inside.empty())
    held = in_thread(lambda: leases.hold(lease))
    assert not held.wait(0.05)
    client.go.release()
    assert held.wait(5)
    clock.advance(100)
    run_what_is_due(schedule, clock)
    assert client.inside.qsize() == 1


def test_an_end_does_not_wait_for_the_extension_that_is_under_way(keeper, schedule, clock):
    client, lease = Script(), a_lease(clock)
    leases = keeper(client)
    leases.keep(lease)
    until(clock, lambda: not client.inside.empty())
    leases.end(lease)
    client.go.release()
    leases.hold(lease)
    clock.advance(100)
    run_what_is_due(schedule, clock)
    assert client.inside.qsize() == 1


class Counting:
    """A TaskClient that says whose lease was extended."""

    def __init__(self):
        self.accepted = queue.Queue()

    def extend_lease(self, task, worker_id, timeout):
        self.accepted.put(task.task_id)


def test_on_threads_every_lease_of_many_is_extended_again_and_again_until_its_end(keeper, schedule, clock):
    client = Counting()
    leases = keeper(client)
    kept = [a_lease(clock, f"t{n}") for n in range(50)]
    counts = {lease.task.task_id: 0 for lease in kept}
    for lease in kept:
        leases.keep(lease)

    def enough():
        while not client.accepted.empty():
            counts[client.accepted.get()] += 1
        return min(counts.values()) >= 3

    until(clock, enough)
    for lease in random.sample(kept, len(kept)):
        leases.hold(lease)
    while not client.accepted.empty():
        client.accepted.get()
    clock.advance(100)
    run_what_is_due(schedule, clock)
    assert client.accepted.empty()


def test_an_extension_that_had_to_wait_for_a_thread_does_not_begin_a_second_series():
    """Meanwhile an attempt to send the result has held the lease, and has failed."""
    held, late = Held(60), []
    held.keeper.end(held.lease)
    held.keeper._threads.run = late.append
    held.keeper.keep(held.lease)
    del held.keeper._threads.run
    held.run(1 / 2)
    held.keeper.hold(held.lease)
    held.keeper.keep(held.lease)
    (job,) = late
    job()
    before = len(held.sent)
    held.run(10)
    assert len(held.sent) - before <= 30
    held.keeper.end(held.lease)
    assert not held.agenda.jobs
