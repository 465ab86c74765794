"""A task that is delivered in the moment in which the drain is given up."""

import threading

import pytest

from conductor import TaskRunner
from conductor.testing import FakeTaskClient
from support.waiting import eventually


class HeldUp(dict):
    """A registry of tasks. After a registration its thread goes on only when it is let go."""

    def __init__(self):
        self.registered, self.go_on = threading.Event(), threading.Event()

    def setdefault(self, key, value):
        there = super().setdefault(key, value)
        self.registered.set()
        self.go_on.wait(5)
        return there


@pytest.mark.parametrize("extends", [False, True])
def test_it_is_handed_back_once_and_so_is_its_slot(extends):
    client, jobs = FakeTaskClient(), HeldUp()
    runner = TaskRunner(client, shutdown_timeout=60)
    runner.start_worker("t", lambda task: None, poll_timeout=0.01, lease_extension=extends)
    running = runner._workers._workers["t", None]
    running._intake._runs = jobs
    client.add_task("t", response_timeout_seconds=1)
    assert jobs.registered.wait(5)
    runner.shutdown()
    assert running.abandon()
    eventually(lambda: client.results(1))
    jobs.go_on.set()
    eventually(lambda: running.capacity.has_ended)
    assert [result.status for result in client.results(1)] == ["IN_PROGRESS"]
    assert not running._resources.schedule._jobs  # which would extend its lease
    assert runner.wait_workers()
