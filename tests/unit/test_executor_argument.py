"""``executor=`` takes what ``process_pool(…)`` makes. Everything else is refused with a word on what to use."""

from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from conductor import ConfigurationError, TaskRunner, process_pool
from conductor.testing import FakeTaskClient
from support import process_functions

USE = r"executor must be made by process_pool\(…\), not .*: batch_size sets the number of threads"


async def coroutine(task):
    pass


class AsyncCallable:
    async def __call__(self, task):
        pass


@pytest.mark.parametrize(
    "executor",
    [
        ThreadPoolExecutor(1),
        lambda: ThreadPoolExecutor(1),
        ThreadPoolExecutor,
        ProcessPoolExecutor(1),
        ProcessPoolExecutor,
        Executor(),
        Executor,
        process_pool,
        lambda: process_pool(1),
        "threads",
        4,
        False,
        dict,
        {},
    ],
    ids=lambda executor: getattr(executor, "__qualname__", None) or type(executor).__name__,
)
@pytest.mark.parametrize("function", [process_functions.work, coroutine], ids=["def", "async def"])
def test_what_process_pool_has_not_made_is_refused(executor, function):
    with TaskRunner(FakeTaskClient()) as runner, pytest.raises(ConfigurationError, match=USE):
        runner.start_worker("t", function, executor=executor)


@pytest.mark.parametrize("function", [coroutine, AsyncCallable()], ids=["function", "callable"])
def test_processes_for_an_async_function_are_refused(function):
    with TaskRunner(FakeTaskClient()) as runner, pytest.raises(ConfigurationError, match="`async def`.*no executor"):
        runner.start_worker("t", function, executor=process_pool(1))


def test_a_worker_whose_executor_was_refused_can_be_started_without_it():
    client = FakeTaskClient()
    task_id = client.add_task("t")
    with TaskRunner(client) as runner:
        with pytest.raises(ConfigurationError):
            runner.start_worker("t", lambda task: None, executor=4)
        runner.start_worker("t", lambda task: None, poll_timeout=0.01)
        assert client.results(1)[0].task_id == task_id
