"""Keeping the lease of a running task: extended in time, until its result is accepted, and never after that.

A task's lease (responseTimeoutSeconds, T) begins when the server hands it out, and anew with each extension. Extensions
are due between a third and a half of T, spread so that tasks of one batch do not come all at once; one that fails is
repeated each tenth of T, for as long as it takes: of a task that has ended the server ignores it (server 3.32.3).
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from conductor import _recording
from conductor._clock import Clock
from conductor._flag import Flag
from conductor._log import about, logger_of
from conductor._threads import Timers
from conductor.errors import ConductorError
from conductor.models import Task
from conductor.task_client import says_task_is_gone

logger = logger_of(__name__)

EARLIEST, LATEST = 1 / 3, 5 / 12
"""When an extension is due, in parts of T; it is sent, or has failed and is repeated, before the half."""
REPEATED, ANSWERED_WITHIN = 1 / 10, 1 / 6
"""How long after a failed extension the next follows, and how long one may take, in parts of T."""
HELD_UP = 1 / 100
"""How soon it is tried again while an update is under way, in parts of T: before a failed one is repeated."""
SHORTEST_ANSWER = 0.5
"""Seconds; a busy server needs so much, whatever T is."""


class Lease:
    """One task's hold on its lease. Thread-safe.

    task_name: the worker's. extend: sends one extension; (task, timeout in seconds). lost: set when the server does not
    know the task any more.
    """

    def __init__(  # noqa: PLR0917 - made in one place
        self,
        task_name: str,
        task: Task,
        received: float,
        lost: Flag,
        extend: Callable[[Task, float], None],
        timers: Timers,
        clock: Clock,
    ) -> None:
        self._task_name = task_name
        self._task = task
        self._seconds = task.response_timeout_seconds
        self._lost = lost
        self._extend = extend
        self._timers = timers
        self._clock = clock
        self._sending = threading.Lock()  # held while an update or an extension is under way; guards the next four
        self._failing = False
        self._is_repeated = False
        self._due = received + self._seconds * random.uniform(EARLIEST, LATEST)  # noqa: S311 - spreads load
        self.renewed_at = received
        """When the lease began, as far as is known here: on the runner's clock."""
        self._lock = threading.Lock()  # guards _ended and _timer
        self._ended = False
        self._timer: object = None
        self._schedule(self._due)

    @contextmanager
    def update(self) -> Iterator[None]:
        """Around an attempt to send the task's result: no extension is under way meanwhile, nor sent after a success.

        (One that the server works on together with the result could write the task's old state back.) One is sent
        before if it is due, and before each attempt but the first, which may all get no answer for long.
        """
        with self._sending:
            if self._is_repeated and self.renewed_at < self._clock.now() - self._seconds * REPEATED:
                self._due = self._clock.now()
            self._is_repeated = True
            self._extend_if_due()
            yield
            self._end()

    def end(self) -> None:
        """Extend no more; blocks until an extension that is under way has its answer. Repeating it changes nothing."""
        with self._sending:
            self._end()

    def _end(self) -> None:
        with self._lock:
            self._ended = True
            self._timers.cancel(self._timer)

    def _schedule(self, moment: float) -> None:
        with self._lock:
            if not self._ended:
                self._timer = self._timers.at(moment, self._try)

    def _try(self) -> None:
        if self._sending.acquire(blocking=False):  # else an update is under way: after it this may be needless
            try:
                self._extend_if_due()
            finally:
                self._sending.release()
        self._schedule(max(self._due, self._clock.now() + self._seconds * HELD_UP))

    def _extend_if_due(self) -> None:
        if not self._ended and self._due <= self._clock.now():
            wait = self._send()
            self._due = self._clock.now() + wait

    def _send(self) -> float:
        """Returns the seconds until the next."""
        started = self._clock.now()
        try:
            self._extend(self._task, max(SHORTEST_ANSWER, self._seconds * ANSWERED_WITHIN))
        except ConductorError as error:
            self._failed(error)
            return self._seconds * REPEATED
        except Exception:
            logger.exception("a bug kept a lease from being extended", extra=self._about())
            return self._seconds * REPEATED
        _recording.lease_extensions.count(self._task_name)
        self._failing = False
        self.renewed_at = started
        return self._seconds * random.uniform(EARLIEST, LATEST) - (self._clock.now() - started)  # noqa: S311

    def _failed(self, error: ConductorError) -> None:
        _recording.lease_errors.count_error(error, self._task_name)
        if says_task_is_gone(error):
            self._lost.set()
            self._end()
            logger.warning("the server does not know a running task any more: %s", error, extra=self._about())
        elif not self._failing:
            self._failing = True  # said once per change of state
            logger.warning("extensions of a lease fail and are repeated: %s", error, extra=self._about())

    def _about(self) -> dict[str, object]:
        return about(self._task_name, self._task, self._task.retry_count)
