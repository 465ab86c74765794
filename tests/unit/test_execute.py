"""Coroutines that never end by themselves."""

import asyncio
from contextvars import copy_context

from conductor.runner.execute import execute_async
from conductor.runner.slots import Flag
from conductor.testing.kit import make_task


def test_a_coroutine_that_is_thrown_away_elsewhere_raises_nothing():
    coroutine = execute_async(lambda task: asyncio.sleep(0), make_task(), Flag(), Flag())
    copy_context().run(coroutine.send, None)
    coroutine.close()
