"""A place for one worker process after another."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from conductor._backoff import Backoff
from conductor._log import logger_of
from conductor.supervision.child import Child
from conductor.supervision.messages import DRAIN, NOW
from conductor.supervision.reports import Reports

logger = logger_of(__name__)

STEADY_AFTER = 30.0
"""Seconds. If a process has lived as long, the next one starts after the shortest pause again."""
PAUSES_GROW_BY = 2.0
KILLED_AFTER = 5.0
"""Seconds that a process may need to end, after its drain or after NOW."""
ENDED_BY_ITSELF = 0, 1
"""The exit statuses of a process that has finished its work."""

NewChild = Callable[[int], Child]


class Place:
    """Only the thread of the supervisor uses it.

    start: starts the process for the place of this number. drain_within: seconds that a process has for its drain.
    is_finite: a process that ends by itself has done its work, and is not replaced.
    waits_for_change: a process that cannot start is not replaced before ``restart``.
    """

    def __init__(
        self,
        number: int,
        start: NewChild,
        reports: Reports,
        drain_within: float,
        *,
        is_finite: bool,
        waits_for_change: bool,
    ) -> None:
        self.number = number
        self.child: Child | None = None
        self.left_work = False
        """Whether the last process has ended without finishing its work."""
        self.has_ended = False
        """No other process follows."""
        self._exit_status: int | None = None  # of the process, if it has ended
        self._start = start
        self._reports = reports
        self._drain_within = drain_within
        self._is_finite = is_finite
        self._waits_for_change = waits_for_change
        self._backoff = Backoff(PAUSES_GROW_BY)
        self._start_at = 0.0  # as the next: on the monotonic clock
        self._started_at = 0.0
        self._kill_at = math.inf
        self._is_final = False  # the process that runs is the last one
        self._restarts = False  # it makes room for a new one

    @property
    def is_ready(self) -> bool:
        """Whether the workers of its process run."""
        return self.child is not None and self.child.is_ready

    @property
    def next_moment(self) -> float:
        """The time at which ``look`` has something to do, or the place has ended, if nothing changes until then."""
        if self.has_ended:
            return -math.inf
        return self._start_at if self.child is None else self._kill_at

    def notice(self) -> None:
        """Notice whether the process has ended. ``look`` acts on it."""
        self._exit_status = None if self.child is None else self.child.exit_status

    def look(self) -> None:
        """Start, replace or kill the process, as it is time to."""
        now = time.monotonic()
        if self.child is not None and self._exit_status is not None:
            child, self.child = self.child, None
            self._after(child, self._exit_status, now)
            self._reports.retire(self.number, is_missing=not self.has_ended)
        if self.child is None and not self.has_ended and now >= self._start_at:
            self._begin(now)
        if self.child is not None and now >= self._kill_at:
            logger.error("process %d (%d) has not ended in time, and is killed", self.number, self.child.pid)
            self._kill_at = math.inf
            self.child.kill()

    def drain(self) -> None:
        """The process finishes its tasks and ends. No other process follows."""
        self._is_final = True
        self._restarts = False
        self._end(DRAIN, self._drain_within + KILLED_AFTER)

    def end_now(self) -> None:
        """The drain is over. No other process follows."""
        self._is_final = True
        self._end(NOW, KILLED_AFTER)

    def restart(self) -> None:
        """The process finishes its tasks and ends, and a new one starts at once."""
        self._start_at = 0.0
        if self.child is not None and not self._restarts:
            self._restarts = True
            self._end(DRAIN, self._drain_within + KILLED_AFTER)

    def _end(self, order: bytes, within: float) -> None:
        if self.child is None:
            self.has_ended = self._is_final
            return
        self._kill_at = min(self._kill_at, time.monotonic() + within)
        self.child.order(order)

    def _begin(self, now: float) -> None:
        try:
            self.child = self._start(self.number)
        except OSError as error:
            pause = self._backoff.next()
            logger.error("process %d cannot be started, and is tried again in %.1f s: %s", self.number, pause, error)  # noqa: TRY400 - one line
            self._start_at = now + pause
            return
        self._reports.starts(self.number)
        self._started_at = now
        self._kill_at = math.inf
        self._restarts = False

    def _after(self, child: Child, status: int, now: float) -> None:
        """The process has ended. Decide on the next one."""
        is_done = status in ENDED_BY_ITSELF and child.is_ready
        self.left_work = status != 0
        if self._is_final or (self._is_finite and is_done):
            if not is_done and child.problem is None:
                logger.error("process %d (%d) ended: %s", self.number, child.pid, child.ending())
            self.has_ended = True
        elif self._restarts:
            self._start_at = 0.0
        elif self._waits_for_change and not child.is_ready:
            logger.error("process %d waits for a change of a file: %s", self.number, child.problem or child.ending())
            self._start_at = math.inf
        else:
            self._plan_next(child, now)

    def _plan_next(self, child: Child, now: float) -> None:
        if now - self._started_at >= STEADY_AFTER:
            self._backoff.reset()
        pause = self._backoff.next()
        self._start_at = now + pause
        ending = child.ending() if child.problem is None else child.problem
        logger.error("process %d (%d) ended, and is replaced in %.1f s: %s", self.number, child.pid, pause, ending)
