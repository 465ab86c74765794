"""Starts worker processes, replaces those that die, and ends them together."""

from __future__ import annotations

import queue
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from conductor._log import logger_of
from conductor.errors import ConfigurationError
from conductor.runner.signals import WAKE_UP, Waiters, next_event, signals_into
from conductor.supervision.child import Child
from conductor.supervision.place import Place
from conductor.supervision.reports import Reports

logger = logger_of(__name__)

HAS_PROCESS_GROUPS = sys.platform != "win32"


@dataclass(frozen=True)
class Plan:
    """The processes that a supervisor starts.

    command: gets the numbers of a place, of a socket and of a pipe as its last arguments. inherited: descriptors that
    each process gets. drain_within: seconds. is_finite: the processes end by themselves. waits_for_change: see Place.
    """

    command: Sequence[str]
    processes: int
    drain_within: float
    inherited: Sequence[int] = ()
    is_finite: bool = False
    waits_for_change: bool = False


class Supervisor:
    """The processes of a plan. ``run`` is called once, on the main thread.

    SIGINT and SIGTERM drain all processes, and a second signal ends them within a few seconds. The user's code runs in
    the processes alone.

    ConfigurationError: the system has no process groups (Windows).
    """

    def __init__(self, plan: Plan, reports: Reports) -> None:
        if not HAS_PROCESS_GROUPS:
            raise ConfigurationError("several processes, and their restart, need Linux or macOS")
        self._plan = plan
        self._reports = reports
        self._waiters = Waiters()
        self._places = [
            Place(
                number,
                self._start,
                reports,
                plan.drain_within,
                is_finite=plan.is_finite,
                waits_for_change=plan.waits_for_change,
            )
            for number in range(1, plan.processes + 1)
        ]
        self._requests = 0  # to stop
        self._was_ready = False
        self._problem: str | None = None
        self._has_changed = False

    def run(self) -> bool:
        """Block until all processes have ended. Returns whether none of them has left work behind.

        ConfigurationError: the workers cannot be started. A process said why before any process could start.
        """
        logger.info("worker processes: %d", len(self._places))
        with self._waiters.events() as events, signals_into(events, wanted=True):
            while waiting := [place for place in self._places if not place.has_ended]:
                self._look()
                try:
                    event = next_event(events, min(place.next_moment for place in waiting))
                except queue.Empty:
                    continue
                if event != WAKE_UP:
                    self._stop(signal.Signals(event).name)
        if self._problem is not None:
            raise ConfigurationError(self._problem)
        return not any(place.left_work for place in self._places)

    def restart(self) -> None:
        """The files have changed: replace all processes by new ones. Returns at once. Any thread may call it."""
        self._has_changed = True
        self._waiters.wake_up()

    def _start(self, number: int) -> Child:
        command = [*self._plan.command, str(number)]
        return Child(command, self._plan.inherited, number, self._reports, self._waiters.wake_up)

    def _look(self) -> None:
        for place in self._places:
            place.notice()  # first, because a process says why it cannot start before it ends
        self._was_ready = self._was_ready or any(place.is_ready for place in self._places)
        if not (self._requests or self._was_ready or self._plan.waits_for_change):
            self._look_for_problem()
        if self._has_changed and not self._requests:
            self._has_changed = False
            logger.info("a file has changed: the processes are replaced")
            for place in self._places:
                place.restart()
        for place in self._places:
            place.look()

    def _look_for_problem(self) -> None:
        """End all processes if one of them says why no process could start."""
        problems = [place.child.problem for place in self._places if place.child and place.child.problem is not None]
        if problems and self._problem is None:
            self._problem = problems[0]
            self._stop_all(Place.drain)

    def _stop(self, cause: str) -> None:
        self._requests += 1
        if self._requests == 1:
            logger.info("%s: the processes drain, up to %g s", cause, self._plan.drain_within)
            self._stop_all(Place.drain)
        elif self._requests == 2:
            logger.warning("%s: the second request to stop, so the drain is over", cause)
            self._stop_all(Place.end_now)

    def _stop_all(self, stop: Callable[[Place], None]) -> None:
        for place in self._places:
            stop(place)
