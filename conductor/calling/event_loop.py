"""The one event loop of a runner's ``async def`` workers, on a thread of its own.

The thread is a daemon: a function that never returns must not keep the process alive.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

from conductor import _forks
from conductor._log import logger_of

if TYPE_CHECKING:
    import asyncio

logger = logger_of(__name__)

Ended = Callable[["asyncio.Task[None]"], object]

BLOCKED_AFTER = 1.0
"""Seconds without a turn after which an event loop counts as blocked."""
LOOP_RESTART_DELAY = 0.1
"""Seconds until a loop that was stopped continues."""


class EventLoop:
    """One event loop on one thread. The first use starts it, and loads asyncio, which not every worker needs.

    While coroutines run, another thread checks whether a function blocks the loop, and logs the place. Thread-safe.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()  # guards the next
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = threading.Event()
        self._starting: deque[tuple[Coroutine[Any, Any, None], Ended]] = deque()  # its operations are atomic
        self._is_woken = False  # the loop is about to start them
        self._tasks: set[asyncio.Task[None]] = set()  # for the loop's thread alone; asyncio holds them weakly

    def start(self, coroutine: Coroutine[Any, Any, None], ended: Ended) -> None:
        """Start the coroutine, which must not raise, without waiting for it.

        ended: called on the loop's thread after the coroutine, also if it was cancelled before it began.
        RuntimeError: the system has no thread left, or a function has closed the loop.
        """
        starting = coroutine, ended
        try:
            with self._lock:
                if self._loop is None:
                    self._loop = self._new_loop()
                loop = self._loop
            self._starting.append(starting)
            if not self._is_woken:  # coroutines that start together wake the loop once
                self._is_woken = True
                loop.call_soon_threadsafe(self._create_tasks, loop)
        except BaseException:
            self._is_woken = False
            with suppress(ValueError):  # there was no loop to start it
                self._starting.remove(starting)
            coroutine.close()
            raise

    def cancel(self, task: asyncio.Task[None]) -> None:
        """Cancel a coroutine. Does nothing after ``close``."""
        with self._lock:
            loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # a function has closed it
                loop.call_soon_threadsafe(task.cancel)

    def close(self) -> None:
        """Stop the loop, if there is one, and close it on its own thread. Unfinished coroutines stay unfinished."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            self._closed.set()
            with suppress(RuntimeError):  # a function has closed it
                loop.call_soon_threadsafe(loop.stop)

    def _create_tasks(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_woken = False  # before the look, so that none is missed
        while self._starting:
            coroutine, ended = self._starting.popleft()
            task = loop.create_task(coroutine)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(ended)

    def _new_loop(self) -> asyncio.AbstractEventLoop:
        import asyncio  # noqa: PLC0415

        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._serve, args=(loop,), name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system has no thread left
            loop.close()
            raise
        try:
            threading.Thread(target=self._watch, args=(loop, thread), name=f"{self._name}-watch", daemon=True).start()
        except RuntimeError as error:
            logger.warning("an async function that blocks the event loop will not be named: %s", error)
        return loop

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        forks = _forks.count()
        while not self._closed.is_set():  # otherwise a function has called sys.exit() or stopped the loop
            try:
                loop.run_forever()
            except BaseException:
                if _forks.count() != forks:  # this is a child that a function has forked, and its only thread ends
                    return  # no close(), because it would disturb the epoll that the child shares with its parent
                logger.exception("a task that an async function started wanted to end the event loop, which goes on")
                self._closed.wait(LOOP_RESTART_DELAY)  # a loop that stays broken must not be run in a tight loop
        loop.close()

    def _watch(self, loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
        while not self._closed.wait(BLOCKED_AFTER):
            if not self._tasks:
                continue
            answered = threading.Event()
            with suppress(RuntimeError):  # a function has closed it
                loop.call_soon_threadsafe(answered.set)
            place = ""
            if not answered.wait(BLOCKED_AFTER / 2):  # later it may have just ended
                place = _place(sys._current_frames().get(thread.ident or 0))  # noqa: SLF001 - there is no other way to ask
            if not answered.wait(BLOCKED_AFTER / 2) and not self._closed.is_set():
                logger.warning("an async function blocks the event loop, which holds up all of them%s", place)
                while not (answered.wait(BLOCKED_AFTER) or self._closed.is_set()):
                    pass  # logged once per block


def _place(frame: FrameType | None) -> str:
    """The place in the worker function. Empty if the thread is not in one, or is in a task that one has started."""
    while frame is not None and (caller := frame.f_back) is not None:
        if caller.f_globals.get("__name__", "").startswith("conductor."):
            is_function = caller.f_code.co_name == "execute_async"
            code = frame.f_code
            return f": {code.co_qualname} at {code.co_filename}:{frame.f_lineno}" if is_function else ""
        frame = caller
    return ""
