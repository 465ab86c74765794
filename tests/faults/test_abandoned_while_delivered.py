"""A task that is delivered in the moment in which the drain is given up."""

import threading
from concurrent.futures import ThreadPoolExecutor

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


class HeldUpTwice(HeldUp):
    """It also holds a thread up that is about to remove a task, unless it is the one that has registered it."""

    def __init__(self):
        super().__init__()
        self.removing, self.go_on_removing = threading.Event(), threading.Event()

    def get(self, key, default=None):
        there = super().get(key, default)
        if "poll" not in threading.current_thread().name:
            self.removing.set()
            self.go_on_removing.wait(5)
        return there


def test_one_thread_removes_it():
    client, jobs = FakeTaskClient(), HeldUpTwice()
    runner = TaskRunner(client, shutdown_timeout=60)
    runner.start_worker("t", lambda task: None, poll_timeout=0.01)
    running = runner._workers._workers["t", None]
    running._intake._runs = jobs
    client.add_task("t")
    assert jobs.registered.wait(5)
    with ThreadPoolExecutor() as threads:
        abandoned = threads.submit(running.abandon)
        assert jobs.removing.wait(5)
        jobs.go_on.set()
        assert running._polling_has_ended.wait(5)
        jobs.go_on_removing.set()
        assert abandoned.result(5)
    assert [result.status for result in client.results(1)] == ["IN_PROGRESS"]
    assert runner.wait_workers()
