"""Calls of a worker function that end before it, or never by themselves."""

import asyncio
from contextvars import copy_context

from conductor._flag import Flag
from conductor.calling.execute import execute, execute_async
from conductor.context import TaskContext, WorkerContext
from conductor.testing.fakes import make_task


def a_context():
    return TaskContext(make_task(), Flag(), WorkerContext(Flag()))


def test_a_coroutine_that_is_thrown_away_elsewhere_raises_nothing():
    coroutine = execute_async(lambda context: asyncio.sleep(0), a_context())
    copy_context().run(coroutine.send, None)
    coroutine.close()


def test_too_little_memory_for_a_copy_of_the_task_is_its_failure(monkeypatch):
    def copy(task):
        raise MemoryError

    monkeypatch.setattr("conductor.calling.execute.copy", copy)
    in_thread = execute(print, a_context())
    on_loop = asyncio.run(execute_async(asyncio.sleep, a_context()))
    assert [type(outcome.error) for outcome in (in_thread, on_loop)] == [MemoryError, MemoryError]
