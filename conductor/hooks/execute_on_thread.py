"""Runs the plain ``execute`` of an interceptor around a coroutine: the one on a thread, the other on the event loop."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from conductor.models import Task

Execute = Callable[[Task, Callable[[], Any]], Any]


async def execute_on_thread(execute: Execute, task: Task, proceed: Callable[[], Awaitable[Any]]) -> Any:
    """Await the end of ``execute(task, proceed)`` on a thread, where ``proceed()`` blocks until the coroutine ends.

    A cancellation cancels the coroutine, and waits for its end and for that of ``execute``. RuntimeError: the system
    has no thread left.
    """
    call = _Call(execute, task, proceed)
    threading.Thread(
        target=contextvars.copy_context().run, args=(call.run,), name="conductor-interceptor", daemon=True
    ).start()
    try:
        await asyncio.shield(call.ended)
    except asyncio.CancelledError:
        call.cancel()
        await call.ended  # a second cancellation ends this wait
    if call.error is not None:
        raise call.error
    return call.value


class _Call:
    """One call of ``execute``. Made on the loop's thread; ``run`` is for the other one."""

    def __init__(self, execute: Execute, task: Task, proceed: Callable[[], Awaitable[Any]]) -> None:
        self.value: Any = None
        self.error: BaseException | None = None
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._execute = execute
        self._task = task
        self._proceed = proceed
        self._coroutine: asyncio.Task[None] | None = None  # this and the next for the loop's thread alone
        self._is_cancelled = False

    def run(self) -> None:
        try:
            self.value = self._execute(self._task, self._block)
        except BaseException as error:  # noqa: BLE001 - it is raised on the loop
            self.error = error
        with suppress(RuntimeError):  # the loop is closed, and nothing waits
            self._loop.call_soon_threadsafe(self._end)

    def cancel(self) -> None:
        """Cancel the coroutine, or keep it from beginning."""
        self._is_cancelled = True
        if self._coroutine is not None:
            self._coroutine.cancel()

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def _block(self) -> Any:
        """``proceed`` for the thread."""
        outcome = _Outcome()
        self._loop.call_soon_threadsafe(self._start, outcome)  # in a copy of this thread's context
        return outcome.wait()

    def _start(self, outcome: _Outcome) -> None:
        self._coroutine = self._loop.create_task(outcome.fill(self._proceed))
        self._coroutine.add_done_callback(outcome.finish)
        if self._is_cancelled:
            self._coroutine.cancel()


class _Outcome:
    """The outcome of a coroutine, for a thread that waits for it."""

    def __init__(self) -> None:
        self._is_known = threading.Event()
        self._value: Any = None
        self._error: BaseException | None = asyncio.CancelledError()  # before it began

    async def fill(self, proceed: Callable[[], Awaitable[Any]]) -> None:
        try:
            self._value = await proceed()
            self._error = None
        except BaseException as error:  # noqa: BLE001 - it is raised on the thread
            self._error = error

    def finish(self, _: asyncio.Task[None]) -> None:
        """Called after the coroutine, also if it was cancelled before it began."""
        self._is_known.set()

    def wait(self) -> Any:
        self._is_known.wait()
        if self._error is not None:
            raise self._error
        return self._value
