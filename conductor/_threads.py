"""Threads that are made when there is work, and the one event loop of a runner's ``async def`` workers.

All of them are daemons: a function that never returns must not keep the process alive.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio


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
        threading.Thread(target=self._work, args=(job,), name=name, daemon=True).start()

    def close(self) -> None:
        """End the idle threads now, and each busy one after its job."""
        with self._lock:
            self._closed = True
            for _ in range(self._idle):
                self._jobs.put(None)
            self._idle = 0

    def _work(self, first: Callable[[], None]) -> None:
        job: Callable[[], None] | None = first
        while job is not None:
            job()
            with self._lock:
                if self._closed:
                    return
                self._idle += 1
            job = self._jobs.get()


class LoopThread:
    """One event loop on one thread. The first use starts it, and loads asyncio, which not every worker needs."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()  # guards _loop: one loop, whoever asks first
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Start the coroutine, which must not raise, without waiting for it. RuntimeError: there is no thread left."""
        import asyncio  # noqa: PLC0415

        with self._lock:
            if self._loop is None:
                loop = asyncio.new_event_loop()
                threading.Thread(target=self._serve, args=(loop,), name=self._name, daemon=True).start()
                self._loop = loop
            asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def close(self) -> None:
        """Stop the loop, if there is one, and close it on its own thread. Unfinished coroutines stay unfinished."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)

    @staticmethod
    def _serve(loop: asyncio.AbstractEventLoop) -> None:
        loop.run_forever()
        loop.close()
