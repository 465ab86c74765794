"""The one event loop of a runner's ``async def`` workers, on a thread of its own.

The thread is a daemon: a function that never returns must not keep the process alive.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Coroutine
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

from conductor._log import logger_of

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future

logger = logger_of(__name__)

BLOCKED_AFTER = 1.0
"""Seconds without a turn after which an event loop counts as blocked."""
SETTLES = 0.1
"""Seconds until a loop that broke runs on."""


class LoopThread:
    """One event loop on one thread. The first use starts it, and loads asyncio, which not every worker needs.

    While coroutines run, another thread looks whether the loop is blocked, and says where.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()  # guards everything below
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = threading.Event()
        self._unfinished = 0
        self._busy = threading.Event()  # set while there are unfinished coroutines, and when it is closed

    def run(self, coroutine: Coroutine[Any, Any, None]) -> Future[None]:
        """Start the coroutine, which must not raise, without waiting for it. RuntimeError: there is no thread left."""
        import asyncio  # noqa: PLC0415

        with self._lock:
            if self._loop is None:
                try:
                    self._loop = self._start(asyncio.new_event_loop())
                except BaseException:
                    coroutine.close()
                    raise
            self._unfinished += 1
            self._busy.set()
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        future.add_done_callback(self._one_less)
        return future

    def close(self) -> None:
        """Stop the loop, if there is one, and close it on its own thread. Unfinished coroutines stay unfinished."""
        with self._lock:
            loop, self._loop = self._loop, None
            if loop is not None:
                self._closed.set()
                self._busy.set()
                with suppress(RuntimeError):  # a function has closed it
                    loop.call_soon_threadsafe(loop.stop)

    def _start(self, loop: asyncio.AbstractEventLoop) -> asyncio.AbstractEventLoop:
        thread = threading.Thread(target=self._serve, args=(loop,), name=self._name, daemon=True)
        thread.start()
        threading.Thread(target=self._watch, args=(thread,), name=f"{self._name}-watch", daemon=True).start()
        return loop

    def _one_less(self, _: Future[None]) -> None:
        with self._lock:
            self._unfinished -= 1
            if not self._unfinished and not self._closed.is_set():  # else the watcher must see that
                self._busy.clear()

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        process_id = os.getpid()
        while not self._closed.is_set():  # else a function's task has called sys.exit(), or has stopped the loop
            try:
                loop.run_forever()
            except BaseException:
                if os.getpid() != process_id:  # a function has forked, and the child, whose only thread this is, ends:
                    return  # it shares the loop's epoll with its parent, which a close() would cut off
                logger.exception("a task that an async function started wanted to end the event loop, which goes on")
                self._closed.wait(SETTLES)  # what is broken for good must not be met in a tight loop
        loop.close()

    def _watch(self, thread: threading.Thread) -> None:
        while self._busy.wait() and not self._closed.is_set():
            answered = threading.Event()
            with self._lock:
                if self._loop is not None:
                    self._loop.call_soon_threadsafe(answered.set)
            place = ""
            if not answered.wait(BLOCKED_AFTER / 2):  # later it may just have ended
                place = _place(sys._current_frames().get(thread.ident or 0))  # noqa: SLF001 - there is no other way to ask
            if not answered.wait(BLOCKED_AFTER / 2) and not self._closed.is_set():
                logger.warning("an async function blocks the event loop, which holds up all of them%s", place)
                while not (answered.wait(BLOCKED_AFTER) or self._closed.is_set()):
                    pass  # it is said once, however long it lasts
            self._closed.wait(BLOCKED_AFTER)


def _place(frame: FrameType | None) -> str:
    """Where in the worker function; empty if the thread is not in one any more, or in a task that one has started."""
    while frame is not None and (caller := frame.f_back) is not None:
        if caller.f_globals.get("__name__", "").startswith("conductor."):
            is_function = caller.f_code.co_name == "execute_async"
            code = frame.f_code
            return f": {code.co_qualname} at {code.co_filename}:{frame.f_lineno}" if is_function else ""
        frame = caller
    return ""
