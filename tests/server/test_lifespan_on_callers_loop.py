"""TaskRunner(lifespan=…, event_loop=…): nothing waits for a loop that cannot run the lifespan."""

import asyncio
import contextlib
import threading

import pytest

from conductor import ConductorError, TaskRunner
from conductor.testing import FakeTaskClient
from support.waiting import eventually


@pytest.fixture
def client():
    return FakeTaskClient()


async def worker(task):
    pass


def test_a_start_on_the_thread_of_the_loop_does_not_wait_for_another_one_that_enters(client):
    async def program():
        entering, enter = threading.Event(), asyncio.Event()

        @contextlib.asynccontextmanager
        async def lifespan():
            await enter.wait()
            yield

        def make():
            entering.set()
            return lifespan()

        runner = TaskRunner(client, event_loop=asyncio.get_running_loop(), lifespan=make)
        first = threading.Thread(target=runner.start_worker, args=("t", worker))
        first.start()
        assert entering.wait(20)  # and this loop, which waits here, has not run the coroutine yet
        with pytest.raises(ConductorError, match="asyncio.to_thread"):
            runner.start_worker("u", worker)
        enter.set()
        await asyncio.to_thread(first.join)
        runner.shutdown()
        assert await runner.wait()

    asyncio.run(program())


def test_the_end_of_a_runner_whose_loop_was_closed_does_not_wait_for_the_lifespan(client, caplog):
    loop = asyncio.new_event_loop()
    runs = threading.Thread(target=loop.run_forever)
    runs.start()
    eventually(loop.is_running)

    @contextlib.asynccontextmanager
    async def lifespan():
        yield

    runner = TaskRunner(client, event_loop=loop, lifespan=lifespan, shutdown_timeout=600)
    runner.start_worker("t", worker)
    loop.call_soon_threadsafe(loop.stop)
    runs.join()
    loop.close()
    runner.shutdown()
    runner.wait_workers()
    assert "the lifespan is not left, because its event loop is closed" in caplog.text
