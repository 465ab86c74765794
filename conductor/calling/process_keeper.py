"""Starts the processes of one worker, lends them to tasks, and replaces those that end."""

from __future__ import annotations

import atexit
import multiprocessing.util  # noqa: F401 - its exit handler waits for processes: that of this module must run before it
import os
import sys
import threading
import time
import weakref
from multiprocessing.connection import wait
from typing import Any

from conductor._backoff import Backoff
from conductor._log import logger_of
from conductor.calling.process import ENDS_WITHIN, Process
from conductor.calling.process_log import Levels
from conductor.calling.process_main import Duties
from conductor.calling.process_news import News

logger = logger_of(__name__)

LOOK_AGAIN = 0.05
"""Seconds until a killed process is looked at again, whose end is not seen because a copy of it lives on elsewhere."""


class _Pauses:
    """When the next process may be started: at once after the first death, then after growing pauses."""

    def __init__(self) -> None:
        self._backoff = Backoff()
        self._has_died = False
        self._end = 0.0  # on the monotonic clock

    def seconds_left(self) -> float:
        return max(self._end - time.monotonic(), 0.0)

    def died(self) -> None:
        if self._has_died:
            self.failed_to_start()
        self._has_died = True

    def failed_to_start(self) -> None:
        self._end = time.monotonic() + self._backoff.next()

    def task_ended(self) -> None:
        if self._has_died:
            self._has_died = False
            self._backoff.reset()


class Keeper:
    """Thread-safe. A thread of its own starts processes, and notices the end of those that are not busy.

    A process is first starting, then free and busy in turn, then ending. Those that are busy for the last time, because
    they were killed, have died, or run the last task that they may run, are also among the spent: a new process is
    started for each of them at once, but lent only when the task of the old one has ended.
    """

    def __init__(self, duties: Duties, size: int, most_tasks: int | None) -> None:
        self._duties = duties
        self._size = size
        self._most_tasks = most_tasks
        self._changed = threading.Condition()  # guards everything below
        self.is_closed = False
        self._starting: set[Process] = set()
        self._free: list[Process] = []
        self._busy: dict[Process, str] = {}  # with the id of the task
        self._spent: set[Process] = set()
        self._ending: set[Process] = set()
        self._first_problem: str | None = None  # "": the first process can run the function
        self._pauses = _Pauses()
        self._news = News()
        self._levels = Levels()
        self._thread = threading.Thread(target=self._keep, name="conductor-processes", daemon=True)
        self._thread.start()
        _alive.add(self)

    def wait_for_first(self) -> str:
        """Block until a process is free, or one could not run the function. Returns why not."""
        with self._changed:
            self._changed.wait_for(lambda: self._first_problem is not None or self.is_closed)
            return self._first_problem or ""

    def lend(self, task_id: str, patience: float | None) -> Process | None:
        """A process for the task, once one is free; None: not within patience seconds, or the keeper is closed."""
        with self._changed:
            process = None
            while process is None or not process.is_alive():
                if process is not None:
                    self._died(process)
                if not self._changed.wait_for(self._can_lend, patience) or self.is_closed:
                    return None
                process = self._free.pop()
            self._busy[process] = task_id
            if self._most_tasks is not None and process.number_of_tasks + 1 >= self._most_tasks:
                self._spent.add(process)
                self._news.tell()
            if self._levels.have_changed():
                for each in (*self._starting, *self._free, *self._busy):
                    each.tell_levels(self._levels.known)
        return process

    def take_back(self, process: Process) -> None:
        """Its task has ended, or has not begun; or the process has died."""
        with self._changed:
            del self._busy[process]
            if process.has_ended:
                self._died(process)
            else:
                self._pauses.task_ended()
                if process in self._spent or self.is_closed:
                    self._end(process)
                else:
                    self._free.append(process)
            self._changed.notify()

    def kill(self, task_id: str) -> None:
        """Kill the process that is lent to the task, if one is."""
        with self._changed:
            for process in [each for each, busy_with in self._busy.items() if busy_with == task_id]:
                self._spent.add(process)
                process.kill()
                self._news.tell()

    def tell_stopping(self) -> None:
        """Let the functions that run see that the worker is stopping."""
        with self._changed:
            for process in self._busy:
                process.tell_stopping()

    def close(self) -> None:
        """Kill what is starting or busy, and let the others end. Repeating it changes nothing."""
        with self._changed:
            if self.is_closed:
                return
            self.is_closed = True
            for process in (*self._starting, *self._busy):
                process.kill()
            for process in (*self._starting, *self._free):
                self._end(process)
            self._starting.clear()
            self._free.clear()
            self._news.tell()
            self._changed.notify_all()

    def wait_for_end(self, seconds: float) -> None:
        """Block so long at most, until all processes of a closed keeper have ended."""
        self._thread.join(max(seconds, 0.0))

    def leave_to_original(self) -> None:
        """In a forked copy of this process: the processes end with the original. Takes no lock, which may be held."""
        for process in (*self._starting, *self._free, *self._busy, *self._ending):
            process.close_in_forked_copy()

    def _can_lend(self) -> bool:
        return self.is_closed or (bool(self._free) and len(self._busy) < self._size)

    def _died(self, process: Process) -> None:
        if process not in self._spent:
            self._pauses.died()
        process.has_ended = True
        self._end(process)

    def _end(self, process: Process) -> None:
        self._spent.discard(process)
        if process.has_ended or process.is_killed:
            process.kill()  # once more: what its functions have started
        else:
            process.ask_to_end()
        self._ending.add(process)
        self._news.tell()

    def _keep(self) -> None:
        """Runs on the thread of the keeper, as all below does."""
        while True:
            with self._changed:
                self._news.take()
                self._bury()
                if self.is_closed and not (self._busy or self._ending):
                    break
                watched, seconds = self._watched()
                missing = self._missing()
            if missing and not self._pauses.seconds_left():
                for _ in range(missing):
                    self._start()
                continue
            ready = wait(watched, seconds)
            for process in [each for each in list(self._starting) if each.tasks in ready]:
                self._greet(process)

    def _watched(self) -> tuple[list[Any], float | None]:
        """What to wait for, and for how long: news, processes that can say whether they are ready, and ends."""
        serving = (*self._free, *(each for each in self._busy if each not in self._spent))
        watched: list[Any] = [self._news.reader, *(each.tasks for each in self._starting)]
        watched += [each.sentinel for each in (*serving, *self._ending)]
        moments = [each.end_by for each in self._ending]
        seconds = [LOOK_AGAIN if end_by is None else max(end_by - time.monotonic(), LOOK_AGAIN) for end_by in moments]
        if self._missing():
            seconds.append(self._pauses.seconds_left())
        return watched, min(seconds, default=None)

    def _missing(self) -> int:
        if self.is_closed or self._first_problem:
            return 0
        return self._size + len(self._spent) - len(self._starting) - len(self._free) - len(self._busy)

    def _bury(self) -> None:
        for process in [each for each in self._free if not each.is_alive()]:
            logger.warning("%s: a process ended while it ran no task: %s", self._duties.task_name, process.ending())
            self._free.remove(process)
            self._died(process)
        for process in [each for each in self._busy if each not in self._spent and not each.is_alive()]:
            self._pauses.died()
            self._spent.add(process)
        for process in list(self._ending):
            if not process.is_alive():
                process.kill()  # what its functions have started
                self._ending.remove(process)
            elif process.end_by is not None and process.end_by <= time.monotonic():
                process.kill()

    def _start(self) -> None:
        try:
            process = Process(self._duties, self._levels.known)
        except Exception as error:  # noqa: BLE001 - the system has no room for it, or an argument cannot be pickled
            self._cannot_start(f"{type(error).__name__}: {error}")
            return
        with self._changed:
            self._starting.add(process)
            if self.is_closed:
                self._starting.remove(process)
                process.kill()
                self._end(process)

    def _greet(self, process: Process) -> None:
        problem = process.problem()
        with self._changed:
            if process not in self._starting:  # closed meanwhile
                return
            self._starting.remove(process)
            if problem:
                process.kill()
                self._end(process)
            else:
                self._free.append(process)
                self._first_problem = ""
                self._changed.notify_all()
        if problem:
            self._cannot_start(problem)

    def _cannot_start(self, problem: str) -> None:
        with self._changed:
            self._pauses.failed_to_start()
            if self._first_problem is None:
                self._first_problem = problem
                self._changed.notify_all()
                return
            if self._first_problem:  # so nothing is started any more
                return
        logger.error("%s: a process could not be started: %s", self._duties.task_name, problem)


_alive: weakref.WeakSet[Keeper] = weakref.WeakSet()


def _end_with_interpreter() -> None:
    keepers = list(_alive)
    for keeper in keepers:
        keeper.close()
    end = time.monotonic() + 2 * ENDS_WITHIN
    for keeper in keepers:
        keeper.wait_for_end(end - time.monotonic())


def _leave_to_original() -> None:
    for keeper in list(_alive):
        keeper.leave_to_original()
    _alive.clear()


atexit.register(_end_with_interpreter)
if sys.platform != "win32":
    os.register_at_fork(after_in_child=_leave_to_original)
