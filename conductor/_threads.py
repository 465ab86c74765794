"""Threads that are made when there is work.

All of them are daemons: a function that never returns must not keep the process alive.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from queue import SimpleQueue


class ThreadsOnDemand:
    """Runs each job on an idle thread or a new one. Thread-safe.

    most: the largest number of threads. Further jobs wait while all of them are busy.
    died_at: the time at which a job last ended its thread by an error, and so lost the rest of its work; None: never.
    """

    def __init__(self, name: str, most: int = sys.maxsize) -> None:
        self._name = name
        self._most = most
        self.died_at: datetime | None = None
        self._jobs: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        # Guards everything below. A user's signal handler may stop workers while its thread holds it.
        self._lock = threading.RLock()
        self._idle = 0  # threads that wait for a job, less the jobs that wait for a thread
        self._made = 0
        self._closed = False

    def run(self, job: Callable[[], object]) -> None:
        """Start the job, which must not raise, without waiting for it. After ``close`` its thread ends with it.

        RuntimeError: a new thread is needed, and the system has none left.
        """
        with self._lock:
            if self._idle > 0 or self._made >= self._most:
                self._idle -= 1
                self._jobs.put(job)
                return
            self._made += 1
            name = f"{self._name}-{self._made}"
        try:
            threading.Thread(target=self._work, name=name, daemon=True).start()
        except RuntimeError:
            with self._lock:
                self._made -= 1
            raise
        self._jobs.put(job)

    def close(self) -> None:
        """End the idle threads now, and each busy one after its job. Jobs that wait for a thread are still run."""
        with self._lock:
            self._closed = True
            for _ in range(self._idle):
                self._jobs.put(None)
            self._idle = min(0, self._idle)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except BaseException:
                self.died_at = datetime.now(UTC)  # without the lock, which a forked copy of the thread may not get
                raise
            del job  # frees its objects: the next job may come late
            with self._lock:
                self._idle += 1
                if self._closed and self._idle > 0:
                    self._idle -= 1
                    break
        with self._lock:
            self._made -= 1
