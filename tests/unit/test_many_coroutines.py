"""A thousand coroutines that wait are not a thousand threads."""

import asyncio
import threading
import time

import pytest

from conductor import TaskRunner
from conductor.testing import FakeTaskClient
from support.waiting import eventually


class SlowClient(FakeTaskClient):
    """Each extension of a lease takes long, and many are due at once."""

    def extend_lease(self, task, worker_id, timeout):
        time.sleep(0.05)
        super().extend_lease(task, worker_id, timeout)


class Coroutines:
    """A worker function that waits until it is released. ``most``: numbers of threads that were counted."""

    def __init__(self):
        self.running = []
        self.most = []
        self._before = set(threading.enumerate())
        self._gate = None

    async def wait(self, task):
        if self._gate is None:
            self._gate = asyncio.Event(), asyncio.get_running_loop()
        self.running.append(task.task_id)
        await self._gate[0].wait()
        self.most.append(self.threads())

    def threads(self):
        return len(set(threading.enumerate()) - self._before)

    def release(self):
        released, loop = self._gate
        loop.call_soon_threadsafe(released.set)


@pytest.fixture
def coroutines():
    return Coroutines()


def test_a_thousand_coroutines_that_wait_need_forty_threads_at_most_and_all_are_reported(coroutines):
    client = FakeTaskClient()
    ids = {client.add_task("t") for _ in range(1000)}
    with TaskRunner(client) as runner:
        runner.start_worker("t", coroutines.wait, 1000, poll_timeout=0.01)
        eventually(lambda: len(coroutines.running) == 1000)
        threads = coroutines.threads()
        coroutines.release()
        results = client.results(1000, timeout=20)
    assert {result.task_id for result in results} == ids
    assert max(threads, *coroutines.most) <= 40


def test_forty_threads_are_enough_while_a_slow_server_extends_the_leases_of_a_thousand_coroutines(coroutines):
    client = SlowClient()
    for _ in range(1000):
        client.add_task("t", response_timeout_seconds=1)
    with TaskRunner(client) as runner:
        runner.start_worker("t", coroutines.wait, 1000, poll_timeout=0.01, lease_extension=True)
        eventually(lambda: len(client.extensions) == 1000)
        running, threads = len(coroutines.running), coroutines.threads()
        coroutines.release()
        client.results(1000, timeout=20)
    assert running == 1000
    assert threads <= 40
