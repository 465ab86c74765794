"""Runs jobs at moments of a runner's clock: extensions of leases, time limits, repeated requests."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

from conductor import _recording
from conductor._clock import Clock
from conductor._log import logger_of

logger = logger_of(__name__)

TRY_AGAIN_AFTER = 1.0
"""Seconds until a job is repeated after the system had no thread for it."""


class Schedule:
    """Runs jobs on one thread, which the first job starts. Thread-safe.

    A job is short. If it raises RuntimeError, it is repeated, because the start of a thread raises that if the system
    has no thread left. All jobs are searched for due ones; there are a few per running task.
    """

    def __init__(self, name: str, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        # Guards everything below. A user's signal handler may stop workers while its thread holds it.
        self._lock = threading.RLock()
        self._jobs: dict[object, tuple[float, Callable[[], object]]] = {}
        self._changed: threading.Event | None = None  # wakes the thread that runs the jobs; None: there is no thread
        self._thread: threading.Thread | None = None  # the last one
        self._next_look = math.inf

    def at(self, moment: float, job: Callable[[], object]) -> object:
        """Run the job at that moment of the clock. Returns a key for ``cancel``."""
        key = object()
        with self._lock:
            self._jobs[key] = (moment, job)
            if self._changed is None:
                self._start()
            elif moment < self._next_look:
                self._next_look = moment  # so that a job that is due later does not wake the thread
                self._changed.set()
        return key

    def cancel(self, key: object) -> bool:
        """Do not run the job. Returns False if it has begun, or was cancelled before."""
        with self._lock:
            return self._jobs.pop(key, None) is not None

    def overdue(self) -> float:
        """The seconds by which its first job is late: a job blocks the thread, or the thread has ended."""
        with self._lock:
            first = min((moment for moment, _ in self._jobs.values()), default=math.inf)
            return max(0.0, self._clock.now() - first)

    @property
    def is_dead(self) -> bool:
        """Whether the thread has ended by an error, so that no job runs any more."""
        with self._lock:
            return self._changed is not None and self._thread is not None and not self._thread.is_alive()

    def close(self) -> None:
        """Forget all jobs and end the thread. A later ``at`` starts it again."""
        with self._lock:
            self._jobs.clear()
            changed, self._changed = self._changed, None
        if changed is not None:
            changed.set()

    def _start(self) -> None:
        changed = threading.Event()
        thread = threading.Thread(target=self._run, args=(changed,), name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system has no thread left: the next job tries again
            logger.exception("no thread for timers: extensions of leases, time limits and repeated requests are late")
        else:
            self._changed, self._thread = changed, thread

    def _run(self, changed: threading.Event) -> None:
        while (wait := self._look(changed)) is not None:
            self._clock.wait(changed, None if wait > threading.TIMEOUT_MAX else wait)

    def _look(self, changed: threading.Event) -> float | None:
        """Run the jobs that are due. Returns the seconds until the next one is, or None when closed."""
        changed.clear()
        with self._lock:
            if self._changed is not changed:
                return None
            now = self._clock.now()
            due = [key for key, (moment, _) in self._jobs.items() if moment <= now]
            jobs = [self._jobs.pop(key)[1] for key in due]
            self._next_look = min((moment for moment, _ in self._jobs.values()), default=math.inf)
            wait = self._next_look - now
        for job in jobs:
            try:
                job()
            except RuntimeError as error:
                logger.warning("a timer is late: %s", error)
                self.at(now + TRY_AGAIN_AFTER, job)
            except Exception as bug:
                _recording.uncaught.count_error(bug)
                logger.exception("a bug ended a timer")
        return wait
