"""Threads that are made when there is work.

All of them are daemons: a function that never returns must not keep the process alive.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from queue import SimpleQueue

from conductor._clock import Clock
from conductor._log import logger_of

logger = logger_of(__name__)


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
