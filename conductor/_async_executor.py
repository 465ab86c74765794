"""The base of the executors for coroutines. A thread runs each call of the blocking executor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from types import TracebackType
from typing import Generic, ParamSpec, Self, TypeVar

from conductor._arguments import whole_number
from conductor._threads import ThreadsOnDemand
from conductor.executor import BaseExecutor

MAX_THREADS = 30
"""Calls under way at once, by default. Each occupies a thread until its answer."""

B = TypeVar("B", bound=BaseExecutor)
P = ParamSpec("P")
T = TypeVar("T")


class AsyncExecutor(Generic[B]):
    """May be used on several event loops. An async context manager."""

    def __init__(self, blocking: B, max_threads: int) -> None:
        self._blocking = blocking
        self._threads = ThreadsOnDemand("conductor-call", whole_number("max_threads", max_threads, 1))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the threads, and close the connections if they were made here. Calls under way finish."""
        self._threads.close()
        self._blocking.close()

    async def _call(self, method: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """The result of the method. A call that is cancelled before a thread has begun it is not made."""
        outcome: Future[T] = Future()
        call = partial(method, *arguments, **named)
        context = copy_context()

        def run() -> None:
            if not outcome.set_running_or_notify_cancel():
                return
            try:
                outcome.set_result(context.run(call))
            except BaseException as error:  # noqa: BLE001 - the coroutine raises it
                outcome.set_exception(error)

        self._threads.run(run)
        return await asyncio.wrap_future(outcome)
