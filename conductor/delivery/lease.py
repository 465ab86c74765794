"""Extends the leases of running tasks in time, until their results are accepted, and never after that.

A task's lease lasts T seconds, the responseTimeoutSeconds of its definition. It begins when the server delivers the
task, and begins again with each extension. Extensions are due between a third and a half of T. They are spread, so that
the tasks of one batch are not extended all at once. A failed one is repeated every tenth of T while the task runs.
The server ignores an extension of a task that has ended (server 3.32.3).

The keeper extends a lease while the function runs, and while the result waits for another attempt. During an attempt
the lease is held, because an extension that the server handles at the same time could restore the task's old state.
"""

from __future__ import annotations

import random
import threading
from datetime import datetime
from functools import partial

from conductor import _recording
from conductor._clock import Clock
from conductor._flag import Flag
from conductor._log import about, logger_of
from conductor._schedule import Schedule
from conductor._threads import ThreadsOnDemand
from conductor.errors import ConductorError
from conductor.models import Task
from conductor.task_client import TaskClient, says_task_is_gone

logger = logger_of(__name__)

EARLIEST, LATEST = 1 / 3, 5 / 12
"""The time at which an extension is due, as a fraction of T. The repetition of one that fails, even for want of an
answer, is due before 7/10 of T, if T is 3 seconds or more: see the next.
"""
REPEATED, ANSWERED_WITHIN = 1 / 10, 1 / 6
"""The time from a failed extension to the next one, and the longest time of one, as fractions of T."""
SHORTEST_ANSWER = 0.5
"""Seconds that a busy server needs for an answer, even if T is short."""
MOST_THREADS = 32
"""Extensions under way at once. More would help a large batch on a slow server, but a thousand coroutines that wait
must not need more than 40 threads in all.
"""


class Lease:
    """One task's lease: its begin and the time of its next extension, on the runner's clock.

    task_name: of the worker. lost: set when the server does not know the task any more.
    """

    def __init__(self, task_name: str, task: Task, received: float, lost: Flag) -> None:
        self.task_name = task_name
        self.task = task
        self.lost = lost
        self.seconds = task.response_timeout_seconds
        self.renewed_at = received
        self.due = received + self.seconds * random.uniform(EARLIEST, LATEST)  # noqa: S311 - spreads load
        self.is_failing = False
        self.is_gone = False
        self.timer: object = None
        self.is_kept = False
        self.is_being_extended = False


class LeaseKeeper:
    """Extends the leases that it keeps, on its own threads. Thread-safe."""

    def __init__(self, client: TaskClient, worker_id: str, clock: Clock, schedule: Schedule) -> None:
        self._client = client
        self._worker_id = worker_id
        self._clock = clock
        self._schedule = schedule
        self._threads = ThreadsOnDemand("conductor-lease", MOST_THREADS)
        self._answered = threading.Condition()  # guards timer, is_kept and is_being_extended of each lease

    @property
    def died_at(self) -> datetime | None:
        """The time at which an error last ended one of its threads."""
        return self._threads.died_at

    def keep(self, lease: Lease) -> None:
        """Extend the lease from now on, whenever an extension is due."""
        with self._answered:
            if not lease.is_gone:
                lease.is_kept = True
                self._plan(lease)

    def end(self, lease: Lease) -> None:
        """Do not extend the lease any more. An extension under way is not awaited. Repeating it changes nothing."""
        with self._answered:
            lease.is_kept = False
            self._schedule.cancel(lease.timer)

    def hold(self, lease: Lease) -> None:
        """Call ``end``, and block until an extension under way has its answer."""
        self.end(lease)
        with self._answered:
            self._answered.wait_for(lambda: not lease.is_being_extended)

    def extend_held(self, lease: Lease, is_repeat: bool) -> None:
        """Send an extension on this thread before a result, if it is due.

        is_repeat: the result is sent again. The extension is then due earlier, because each attempt may take long.
        """
        now = self._clock.now()
        due = min(lease.due, lease.renewed_at + lease.seconds * REPEATED) if is_repeat else lease.due
        if due <= now and not lease.is_gone:
            lease.due = self._extend(lease)

    def close(self) -> None:
        """End the threads. No lease is extended any more."""
        self._threads.close()

    def _plan(self, lease: Lease) -> None:
        self._schedule.cancel(lease.timer)  # of one that was kept anew while its extension waited for a thread
        lease.timer = self._schedule.at(lease.due, partial(self._threads.run, partial(self._extend_kept, lease)))

    def _extend_kept(self, lease: Lease) -> None:
        with self._answered:
            if not lease.is_kept or lease.is_being_extended:
                return
            lease.is_being_extended = True
        lease.due = self._extend(lease)
        with self._answered:
            lease.is_being_extended = False
            if lease.is_kept and not lease.is_gone:
                self._plan(lease)
            self._answered.notify_all()

    def _extend(self, lease: Lease) -> float:
        """Send an extension. Returns the time at which the next one is due."""
        started = self._clock.now()
        try:
            within = max(SHORTEST_ANSWER, lease.seconds * ANSWERED_WITHIN)
            self._client.extend_lease(lease.task, self._worker_id, within)
        except ConductorError as error:
            self._failed(lease, error)
        except Exception as error:
            _recording.uncaught.count_error(error)
            logger.exception("a bug kept a lease from being extended", extra=_about(lease))
        else:
            _recording.lease_extensions.count(lease.task_name)
            lease.is_failing = False
            lease.renewed_at = started
            return started + lease.seconds * random.uniform(EARLIEST, LATEST)  # noqa: S311 - spreads load
        return self._clock.now() + lease.seconds * REPEATED

    def _failed(self, lease: Lease, error: ConductorError) -> None:
        _recording.lease_errors.count_error(error, lease.task_name)
        if says_task_is_gone(error):
            lease.is_gone = True
            lease.lost.set()
            logger.warning("the server does not know a running task any more: %s", error, extra=_about(lease))
        elif not lease.is_failing:
            lease.is_failing = True  # logged once per change of state
            logger.warning("extensions of a lease fail and are repeated: %s", error, extra=_about(lease))


def _about(lease: Lease) -> dict[str, object]:
    return about(lease.task_name, lease.task, lease.task.retry_count)
