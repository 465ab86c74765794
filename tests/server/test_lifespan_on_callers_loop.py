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


@contextlib.asynccontextmanager
async def never_entered():
    await asyncio.get_running_loop().create_future()
    yield


def test_a_start_does_not_wait_for_a_loop_that_does_not_run(client):
    loop = asyncio.new_event_loop()
    runner = TaskRunner(client, event_loop=loop, lifespan=never_entered)
    with pytest.raises(ConductorError, match="the event loop does not run"):
        runner.start_worker("t", worker)
    assert runner.wait_workers()
    assert not loop.is_closed()
    loop.close()


def test_a_start_ends_when_the_loop_is_closed_before_the_lifespan_is_entered(client, monkeypatch):
    monkeypatch.setattr("conductor.calling.event_loop.BLOCKED_AFTER", 0.02)
    loop, entering, errors = asyncio.new_event_loop(), threading.Event(), []

    def make():
        entering.set()
        return never_entered()

    def start():
        with pytest.raises(ConductorError, match="was closed before") as raised:
            runner.start_worker("t", worker)
        errors.append(raised.value)

    runs = threading.Thread(target=loop.run_forever)
    runs.start()
    eventually(loop.is_running)
    runner = TaskRunner(client, event_loop=loop, lifespan=make)
    starts = threading.Thread(target=start)
    starts.start()
    assert entering.wait(5)
    eventually(lambda: asyncio.all_tasks(loop))
    loop.call_soon_threadsafe(loop.stop)
    runs.join()
    loop.close()
    starts.join(5)
    assert errors
    assert runner.wait_workers()
