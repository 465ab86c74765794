"""A place in the pool of one worker: it always has a process, and replaces it by itself."""

from __future__ import annotations

import atexit
import multiprocessing.util  # noqa: F401 - its exit handler waits for processes: that of this module must run before it
import os
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

from conductor._backoff import Backoff
from conductor._log import logger_of
from conductor.calling.process import Process
from conductor.calling.process_lending import Lending
from conductor.calling.process_log import Levels, hand_on
from conductor.calling.process_main import PROBLEM, READY, Duties

logger = logger_of(__name__)

STARTS_WITHIN = timedelta(seconds=60)
"""A process that cannot run the function after this time counts as missing. Large modules take long to import."""
END_WITHIN = 1.0
"""Seconds for the end of all killed processes when the interpreter ends, and for their last log records."""


class Place:
    """Has a thread of its own, until the end of a process after ``close``. RuntimeError: the system has no thread left.

    The thread starts a process, offers it to the lending once it can run the function, hands on its log records until
    it has ended, and starts the next one.
    """

    def __init__(self, duties: Duties, lending: Lending, levels: Levels) -> None:
        self._duties = duties
        self._lending = lending
        self._levels = levels
        self._process: Process | None = None  # written by the thread alone, as the next three
        self._starts_since: datetime | None = None  # while the process cannot run the function yet
        self._problem = ""  # of the last process that could not be started
        self._fails_since: datetime | None = None  # while no process can be started
        self._thread = threading.Thread(target=self._keep, name="conductor-process", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Close the lending, and kill the process, also within a function. Does not block; may be repeated."""
        self._lending.close()
        process = self._process
        if process is not None:
            process.kill()

    def wait_for_end(self, seconds: float) -> None:
        """Block until a closed place has no process, or until the seconds are over."""
        self._thread.join(max(seconds, 0.0))

    def trouble(self) -> tuple[str, datetime | None] | None:
        """The reason why the place has no process that works, as a part of a sentence, and since when.

        None if it has one, or is about to have one.
        """
        if self._lending.closed.is_set():
            return None
        process, starts_since = self._process, self._starts_since
        if not self._thread.is_alive():
            return "a process has ended, and none takes its place", None
        if self._fails_since is not None:
            return f"a process cannot be started: {self._problem}", self._fails_since
        if starts_since is not None and datetime.now(UTC) - starts_since > STARTS_WITHIN:
            return "a process has been starting for too long; does its initializer hang?", starts_since
        if process is not None and process.is_stopped():
            return "a process is stopped, as by SIGSTOP", None
        return None

    def leave_to_original(self) -> None:
        """In a forked copy of this process: the place and its process stay with the original."""
        if self._process is not None:
            self._process.close_in_forked_copy()

    def _keep(self) -> None:
        """The first useless process is replaced at once, the next ones after growing pauses."""
        _places.add(self)
        backoff, pauses, pause = Backoff(), False, 0.0
        while not self._lending.closed.wait(pause):
            if self._live():
                backoff, pauses, pause = Backoff(), False, 0.0
            else:
                pause, pauses = backoff.next() if pauses else 0.0, True
        _places.discard(self)

    def _live(self) -> bool:
        """Keep one process until its end. Returns whether it has ended a task, or was killed by this process."""
        self._starts_since = datetime.now(UTC)
        try:
            process = self._process = Process(self._duties, self._levels.look())
        except Exception as error:  # noqa: BLE001 - the system has no room for it, or an argument cannot be pickled
            self._cannot_run(f"{type(error).__name__}: {error}")
            return False
        if self._lending.closed.is_set():  # and close may have found no process yet
            process.kill()
        problem = self._hand_on_messages(process)
        process.end_what_it_started()
        ending = process.ending()
        was_free = self._lending.remove(process)
        self._process = None
        if problem is not None:
            self._cannot_run(problem or ending)
            return False
        if was_free and not process.is_killed:
            logger.warning("%s: a process ended while it ran no task: %s", self._duties.task_name, ending)
        return process.has_ended_task or process.is_killed

    def _hand_on_messages(self, process: Process) -> str | None:
        """Hand on its log records until its end. Returns its problem: None if it could run, "" if it did not say."""
        problem: str | None = ""
        for kind, content in process.messages():
            if kind == READY:
                problem = self._fails_since = self._starts_since = None
                self._lending.offer(process)
            elif kind == PROBLEM:
                problem = content.decode("utf-8")
                process.kill()
            else:
                hand_on(content)
        return problem

    def _cannot_run(self, problem: str) -> None:
        self._problem, self._fails_since = problem, self._fails_since or datetime.now(UTC)
        if not self._lending.is_first(problem) and not self._lending.closed.is_set():
            logger.error("%s: a process could not be started: %s", self._duties.task_name, problem)


_places: set[Place] = set()
"""The places of all workers that have not ended."""


def _end_with_interpreter() -> None:
    places = list(_places)
    for place in places:
        place.close()
    end = time.monotonic() + END_WITHIN
    for place in places:
        place.wait_for_end(end - time.monotonic())


def _leave_to_original() -> None:
    for place in _places:
        place.leave_to_original()
    _places.clear()


atexit.register(_end_with_interpreter)
if sys.platform != "win32":
    os.register_at_fork(after_in_child=_leave_to_original)
