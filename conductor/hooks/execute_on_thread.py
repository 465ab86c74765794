"""Runs the plain ``execute`` of an interceptor around a coroutine: the one on a thread, the other on the event loop."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any

from conductor.models import Task

Execute = Callable[[Task, Callable[[], Any]], Any]


async def execute_on_thread(execute: Execute, task: Task, proceed: Callable[[], Awaitable[Any]]) -> Any:
    """Await the end of ``execute(task, proceed)`` on a thread, where ``proceed()`` blocks until the coroutine ends.

    A cancellation cancels the coroutine, and waits for its end and for that of ``execute``. RuntimeError: the system
    has no thread left.
    """
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    outcome: Future[Any] = Future()
    coroutines: list[asyncio.Task[None]] = []  # this and the next for the loop's thread alone
    is_cancelled = False

    def run() -> None:
        try:
            outcome.set_result(execute(task, block))
        except BaseException as error:  # noqa: BLE001 - it is raised on the loop
            outcome.set_exception(error)
        with suppress(RuntimeError):  # the loop is closed, and nothing waits
            loop.call_soon_threadsafe(ended.set)

    def block() -> Any:
        """``proceed`` for the thread."""
        inner: Future[Any] = Future()
        loop.call_soon_threadsafe(start, inner)  # in a copy of this thread's context
        return inner.result()

    def start(inner: Future[Any]) -> None:
        coroutine = loop.create_task(_await(inner, proceed))
        coroutine.add_done_callback(partial(_unless_begun, inner))
        coroutines.append(coroutine)
        if is_cancelled:
            coroutine.cancel()

    threading.Thread(
        target=contextvars.copy_context().run, args=(run,), name="conductor-interceptor", daemon=True
    ).start()
    try:
        await ended.wait()
    except asyncio.CancelledError:
        is_cancelled = True
        for coroutine in coroutines:
            coroutine.cancel()
        await ended.wait()  # a second cancellation ends this wait
    return outcome.result()


async def _await(outcome: Future[Any], proceed: Callable[[], Awaitable[Any]]) -> None:
    try:
        outcome.set_result(await proceed())
    except BaseException as error:  # noqa: BLE001 - it is raised on the thread
        outcome.set_exception(error)


def _unless_begun(outcome: Future[Any], _: asyncio.Task[None]) -> None:
    if not outcome.done():  # it was cancelled before it began
        outcome.set_exception(asyncio.CancelledError())
