"""SIGINT and SIGTERM in programs that live in asyncio: what was begun is delivered, and a second signal means now."""

import asyncio
import signal
import threading
import time

import pytest

from conductor import TaskRunner
from support.handlers import BOTH, handlers
from support.programs import waits_for_signals
from support.waiting import eventually

WAITS = """
import asyncio, sys
from conductor import TaskRunner, task_context

async def worker(task):
    sys.stdout.write("begun\\n")
    while not task_context().stopping:
        await asyncio.sleep(0.01)
    sys.stdout.write("stopping\\n")
    await asyncio.sleep({longer})

async def main():
    loop = {loop}
    async with TaskRunner(event_loop=loop, shutdown_timeout=60) as runner:
        runner.start_worker("t", worker)
        clean = await runner.wait()
        sys.stdout.write(f"clean: {{clean}}\\n")
        return clean

sys.exit(not asyncio.run(main()))
"""
BODY = """
import asyncio, signal, sys
from conductor import TaskRunner, task_context

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets its background jobs ignore it

async def worker(task):
    sys.stdout.write("begun\\n")
    while not task_context().stopping:
        await asyncio.sleep(0.01)
    sys.stdout.write("stopping\\n")
    await asyncio.sleep({longer})

async def main():
    async with TaskRunner(event_loop=asyncio.get_running_loop(), shutdown_timeout=60) as runner:
        runner.start_worker("t", worker)
        await asyncio.Event().wait()

try:
    asyncio.run(main())
except KeyboardInterrupt:
    sys.stdout.write("interrupted\\n")
"""


def ended(process, code=0):
    """What a program wrote to stdout and stderr, which ends soon, with this exit code."""
    output, errors = process.communicate(timeout=10)
    assert process.returncode == code, errors
    return output, errors


@pytest.mark.parametrize("loop", ["None", "asyncio.get_running_loop()"])
@pytest.mark.parametrize("number", BOTH)
def test_a_signal_lets_running_tasks_finish(server, programs, number, loop):
    task_id = server.add_task("t")
    process = waits_for_signals(programs.start(WAITS.format(longer=0.2, loop=loop), server.url))
    assert process.stdout.readline() == "begun\n"
    process.send_signal(number)
    assert ended(process) == ("stopping\nclean: True\n", "")
    assert server.accepted == {task_id: "COMPLETED"}


@pytest.mark.parametrize("number", BOTH)
def test_a_second_signal_means_now(server, programs, number):
    server.add_task("t")
    process = waits_for_signals(programs.start(WAITS.format(longer=60, loop="None"), server.url))
    assert process.stdout.readline() == "begun\n"
    process.send_signal(number)
    assert process.stdout.readline() == "stopping\n"
    process.send_signal(number)
    second = time.monotonic()
    output, errors = ended(process, code=1)
    assert time.monotonic() - second < 2 + 2
    assert output == "clean: False\n"
    assert "left behind at the end of the drain (task_id='t1'" in errors


def test_ctrl_c_in_a_block_that_does_not_wait_drains(server, programs):
    """asyncio.run cancels the block."""
    task_id = server.add_task("t")
    process = programs.start(BODY.format(longer=0.2), server.url)
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    assert ended(process) == ("stopping\ninterrupted\n", "")
    assert server.accepted == {task_id: "COMPLETED"}


def test_ctrl_c_twice_in_a_block_that_does_not_wait_means_now(server, programs):
    server.add_task("t")
    process = programs.start(BODY.format(longer=60), server.url)
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "stopping\n"
    process.send_signal(signal.SIGINT)
    second = time.monotonic()
    output, errors = ended(process)
    assert time.monotonic() - second < 2 + 2
    assert output == "interrupted\n"
    assert "left behind at the end of the drain (task_id='t1'" in errors


@pytest.mark.parametrize("first_to_end", [0, 1])
def test_the_handlers_are_put_back_after_the_last_of_several_waits(api_client, own_handlers, first_to_end):
    before = handlers()

    async def program():
        runners = [TaskRunner(api_client), TaskRunner(api_client)]
        waiting = []
        for number, runner in enumerate(runners):
            runner.start_worker(f"t{number}", lambda task: None)
            waiting.append(asyncio.create_task(runner.wait()))
            await asyncio.sleep(0)  # its handlers are set
        assert handlers() != before
        runners[first_to_end].shutdown()
        assert await waiting[first_to_end]
        assert handlers() != before
        signal.raise_signal(signal.SIGTERM)
        assert await waiting[1 - first_to_end]  # the signal has reached the runner that goes on
        assert handlers() == before

    asyncio.run(program())
    assert own_handlers == []


def test_a_wait_that_does_not_handle_signals_leaves_them_to_the_program(api_client, own_handlers):
    before = handlers()

    async def program():
        runner = TaskRunner(api_client)
        runner.start_worker("t", lambda task: None)
        waiting = asyncio.create_task(runner.wait(handle_signals=False))
        await asyncio.sleep(0)
        assert handlers() == before
        signal.raise_signal(signal.SIGTERM)
        assert not (await asyncio.wait([waiting], timeout=0.05))[0]
        runner.shutdown()
        assert await waiting

    asyncio.run(program())
    assert own_handlers == [signal.SIGTERM]


def test_a_wait_off_the_main_thread_leaves_signals_to_the_program(api_client, own_handlers):
    before, seen = handlers(), []

    async def program():
        runner = TaskRunner(api_client)
        runner.start_worker("t", lambda task: None)
        waiting = asyncio.create_task(runner.wait())
        await asyncio.to_thread(
            eventually, lambda: [thread for thread in threading.enumerate() if thread.name == "conductor-wait"]
        )
        seen.append(handlers())
        runner.shutdown()
        assert await waiting

    thread = threading.Thread(target=asyncio.run, args=(program(),))
    thread.start()
    thread.join()
    assert seen == [before]


def test_the_handlers_are_put_back_when_a_wait_is_cancelled(api_client, own_handlers):
    before = handlers()

    async def program():
        async with TaskRunner(api_client) as runner:
            runner.start_worker("t", lambda task: None)
            waiting = asyncio.create_task(runner.wait())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            assert handlers() == before

    asyncio.run(program())


def test_a_handler_of_the_loop_is_called_too_and_stays(api_client, own_handlers):
    async def program():
        loop, called = asyncio.get_running_loop(), asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, called.set)
        runner = TaskRunner(api_client)
        runner.start_worker("t", lambda task: None)
        waiting = asyncio.create_task(runner.wait())
        await asyncio.sleep(0)
        for _ in range(2):
            signal.raise_signal(signal.SIGTERM)
            await called.wait()
            called.clear()
            assert await waiting  # in the second round it has ended

    asyncio.run(program())
    assert own_handlers == []
