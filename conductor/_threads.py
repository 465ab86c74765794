"""Threads that are made when there is work, and the one event loop of a runner's ``async def`` workers.

All of them are daemons: a function that never returns must not keep the process alive.
"""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from queue import SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING, Any

from conductor._clock import Clock
from conductor._log import logger_of

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future

logger = logger_of(__name__)

BLOCKED_AFTER = 1.0
"""Seconds without a turn after which an event loop counts as blocked."""
SETTLES = 0.1
"""Seconds until a loop that broke runs on."""


class ThreadsOnDemand:
    """Runs jobs at once, on an idle thread or a new one. The caller bounds how many jobs there are at a time."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = threading.Lock()  # guards _idle, _made and _closed
        self._idle = 0
        self._made = 0
        self._closed = False

    def run(self, job: Callable[[], None]) -> None:
        """Start the job, which must not raise, without waiting for it. After close() its thread ends with it."""
        with self._lock:
            if self._idle:
                self._idle -= 1
                self._jobs.put(job)
                return
            self._made += 1
            name = f"{self._name}-{self._made}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        thread.start()
        self._jobs.put(job)

    def close(self) -> None:
        """End the idle threads now, and each busy one after its job."""
        with self._lock:
            self._closed = True
            for _ in range(self._idle):
                self._jobs.put(None)
            self._idle = 0

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            del job  # with what it holds: the next may be long in coming
            with self._lock:
                if self._closed:
                    return
                self._idle += 1


class Timers:
    """Jobs that are due at a moment, each on a thread of its own. Thread-safe; the first job starts its own thread.

    Made for as many jobs as there are tasks running: a look at what is due goes through all of them.
    """

    def __init__(self, name: str, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._lock = threading.Lock()  # guards everything below
        self._jobs: dict[object, tuple[float, Callable[[], None]]] = {}
        self._changed: threading.Event | None = None  # of the thread that looks after the jobs, if there is one
        self._next_look = math.inf

    def at(self, moment: float, job: Callable[[], None]) -> object:
        """Run the job, which must not raise, at that moment of the clock. Returns what ``cancel`` takes."""
        key = object()
        with self._lock:
            self._jobs[key] = (moment, job)
            if self._changed is None:
                self._start()
            elif moment < self._next_look:
                self._changed.set()
        return key

    def cancel(self, key: object) -> None:
        """Do not run the job, unless it has begun. Repeating it changes nothing."""
        with self._lock:
            self._jobs.pop(key, None)

    def close(self) -> None:
        """Forget all jobs and end the threads. A later ``at`` starts them again."""
        with self._lock:
            self._jobs.clear()
            changed, self._changed = self._changed, None
        if changed is not None:
            changed.set()

    def _start(self) -> None:
        changed = threading.Event()
        try:
            threading.Thread(target=self._run, args=(changed,), name=self._name, daemon=True).start()
        except RuntimeError:  # the system has no thread left: the next job tries again
            logger.exception("no thread for timers: extensions of leases and time limits are late")
        else:
            self._changed = changed

    def _run(self, changed: threading.Event) -> None:
        threads = ThreadsOnDemand(self._name)
        while (wait := self._look(changed, threads)) is not None:
            self._clock.wait(changed, None if wait > threading.TIMEOUT_MAX else wait)
        threads.close()

    def _look(self, changed: threading.Event, threads: ThreadsOnDemand) -> float | None:
        """Start what is due. Returns the seconds until the next is, or None when closed."""
        changed.clear()
        with self._lock:
            if self._changed is not changed:
                return None
            now = self._clock.now()
            due = [key for key, (moment, _) in self._jobs.items() if moment <= now]
            jobs = [self._jobs.pop(key)[1] for key in due]
            self._next_look = min((moment for moment, _ in self._jobs.values()), default=math.inf)
        for job in jobs:
            try:
                threads.run(job)
            except RuntimeError:  # the system has no thread left
                self.at(now + 1.0, job)
        return self._next_look - now


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
