"""What ends a test or the program passes through run_worker; what ends a task alone is a result."""

import asyncio
import signal
from contextlib import suppress

import pytest

from conductor.testing import acheck_idempotent, arun_worker, check_idempotent, run_worker


def interrupted(task):
    signal.raise_signal(signal.SIGINT)


async def interrupted_async(task):
    signal.raise_signal(signal.SIGINT)
    await asyncio.sleep(0)


async def interrupted_at_once(task):
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("run", [run_worker, check_idempotent])
@pytest.mark.parametrize("function", [interrupted, interrupted_async, interrupted_at_once])
def test_ctrl_c_in_a_function_ends_the_program(run, function):
    with pytest.raises(KeyboardInterrupt):
        run(function)


@pytest.mark.parametrize("run", [arun_worker, acheck_idempotent])
@pytest.mark.parametrize("function", [interrupted_async, interrupted_at_once])
def test_ctrl_c_in_a_function_ends_a_program_of_coroutines(run, function):
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(run(function))


@pytest.mark.parametrize("end", [pytest.fail, pytest.skip])
def test_a_function_can_end_its_test(end):
    """pytest-timeout does so too, with the method "signal"."""

    def work(task):
        end("the end")

    async def work_async(task):
        end("the end")

    for function in (work, work_async):
        with pytest.raises(end.Exception, match="the end"):
            run_worker(function)
        with pytest.raises(end.Exception, match="the end"):
            check_idempotent(function)
        with pytest.raises(end.Exception, match="the end"):
            asyncio.run(arun_worker(function))


@pytest.mark.parametrize("error", [SystemExit, GeneratorExit, asyncio.CancelledError])
def test_what_ends_a_task_alone_is_a_result(error):
    def work(task):
        raise error

    async def work_async(task):
        raise error

    for function in (work, work_async):
        assert run_worker(function).reason_for_incompletion == error.__name__
        assert asyncio.run(arun_worker(function)).status == "FAILED"


def test_who_awaits_a_function_can_be_cancelled():
    async def wait(task):
        await asyncio.sleep(60)

    async def go_on(task):
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)

    async def scenario(function):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await arun_worker(function)

    for function in (wait, go_on):
        asyncio.run(scenario(function))
