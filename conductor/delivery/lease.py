"""Keeping the leases of running tasks: extended in time until the result is accepted, and never after that.

A task's lease lasts T seconds, the responseTimeoutSeconds of its definition. It begins when the server hands the task
out, and anew with each extension. Extensions are due between a third and a half of T, spread so that the tasks of one
batch do not come all at once. A failed one is repeated every tenth of T for as long as the task runs: of a task that
has ended the server ignores it (server 3.32.3).

While a function runs, or its result waits for another attempt, the keeper extends its lease. An attempt to send the
result holds the lease: an extension that the server works on together with a result could write the task's old state
back.
"""

from __future__ import annotations

import random
import threading
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
"""When an extension is due, in parts of T; it is sent, or has failed and is repeated, before the half."""
REPEATED, ANSWERED_WITHIN = 1 / 10, 1 / 6
"""How long after a failed extension the next one follows, and how long one may take, in parts of T."""
SHORTEST_ANSWER = 0.5
"""Seconds; a busy server needs so much, whatever T is."""
MOST_THREADS = 50
"""Threads that send extensions at once: where a server is slow, those of a large batch must not wait for each other."""


class Lease:
    """One task's lease: when it began and when its next extension is due, on the runner's clock.

    task_name: the worker's. lost: set when the server does not know the task any more.
    """

    def __init__(self, task_name: str, task: Task, received: float, lost: Flag) -> None:
        self.task_name = task_name
        self.task = task
        self.lost = lost
        self.seconds = task.response_timeout_seconds
        self.renewed_at = received
        self.due = received + self.seconds * random.uniform(EARLIEST, LATEST)  # noqa: S311 - spreads load
        self.is_failing = False
        self.timer: object = None
        self.is_kept = False
        self.is_being_extended = False


class LeaseKeeper:
    """Extends the leases that it keeps, on a few threads of its own. Thread-safe."""

    def __init__(self, client: TaskClient, worker_id: str, clock: Clock, schedule: Schedule) -> None:
        self._client = client
        self._worker_id = worker_id
        self._clock = clock
        self._schedule = schedule
        self._threads = ThreadsOnDemand("conductor-lease", MOST_THREADS)
        self._answered = threading.Condition()  # guards timer, is_kept and is_being_extended of each lease

    def keep(self, lease: Lease) -> None:
        """Extend it whenever it is due, from now on."""
        with self._answered:
            if not lease.lost:
                lease.is_kept = True
                self._plan(lease)

    def end(self, lease: Lease) -> None:
        """Extend it no more; an extension that is under way is not waited for. Repeating it changes nothing."""
        with self._answered:
            lease.is_kept = False
            self._schedule.cancel(lease.timer)

    def hold(self, lease: Lease) -> None:
        """``end``, and block until an extension that is under way has its answer."""
        self.end(lease)
        with self._answered:
            self._answered.wait_for(lambda: not lease.is_being_extended)

    def extend_held(self, lease: Lease, is_repeat: bool) -> None:
        """Send an extension on this thread before a result, if it is due, or if the result is sent again.

        Attempts that get no answer may take long, each of them.
        """
        now = self._clock.now()
        due = min(lease.due, lease.renewed_at + lease.seconds * REPEATED) if is_repeat else lease.due
        if due <= now and not lease.lost:
            lease.due = self._extend(lease)

    def close(self) -> None:
        """End the threads. The leases have been ended, or their tasks are left to them."""
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
            if lease.is_kept and not lease.lost:
                self._plan(lease)
            self._answered.notify_all()

    def _extend(self, lease: Lease) -> float:
        """Returns when the next one is due."""
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
            lease.lost.set()
            logger.warning("the server does not know a running task any more: %s", error, extra=_about(lease))
        elif not lease.is_failing:
            lease.is_failing = True  # said once per change of state
            logger.warning("extensions of a lease fail and are repeated: %s", error, extra=_about(lease))


def _about(lease: Lease) -> dict[str, object]:
    return about(lease.task_name, lease.task, lease.task.retry_count)
