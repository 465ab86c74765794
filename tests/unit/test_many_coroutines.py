"""A thousand coroutines that wait are not a thousand threads."""

import asyncio
import threading

from conductor import TaskRunner
from conductor.testing import FakeTaskClient
from support.waiting import eventually


def test_a_thousand_coroutines_that_wait_need_forty_threads_at_most_and_all_are_reported():
    before = set(threading.enumerate())
    client, running, most, gate = FakeTaskClient(), [], [], []

    def threads():
        return len(set(threading.enumerate()) - before)

    async def waits(task):
        if not gate:
            gate.append((asyncio.Event(), asyncio.get_running_loop()))
        running.append(task.task_id)
        await gate[0][0].wait()
        most.append(threads())

    ids = {client.add_task("t") for _ in range(1000)}
    with TaskRunner(client) as runner:
        runner.start_worker("t", waits, 1000, poll_timeout=0.01)
        eventually(lambda: len(running) == 1000)
        assert threads() <= 40
        released, loop = gate[0]
        loop.call_soon_threadsafe(released.set)
        results = client.results(1000, timeout=20)
    assert {result.task_id for result in results} == ids
    assert max(most) <= 40
