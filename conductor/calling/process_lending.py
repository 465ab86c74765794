"""The processes of one worker, lent to one task at a time."""

from __future__ import annotations

import threading

from conductor.calling.process import Process


class Lending:
    """Thread-safe. A process is free or lent. It is in neither state while it starts, and after its end.

    most_tasks: a process that was lent so often is killed when its task has ended; None: it has no limit.
    """

    def __init__(self, most_tasks: int | None) -> None:
        self.closed = threading.Event()
        self._most_tasks = most_tasks
        self._changed = threading.Condition()  # guards everything below
        self._first_problem: str | None = None  # "": the first process can run the function
        self._free: list[Process] = []
        self._lent: dict[Process, str] = {}  # with the id of the task

    def wait_for_first(self) -> str:
        """Block until a process is free, or cannot run the function. Returns the problem, or "" if there is none."""
        with self._changed:
            self._changed.wait_for(lambda: self._first_problem is not None or self.closed.is_set())
            return self._first_problem or ""

    def is_first(self, problem: str) -> bool:
        """Whether the problem is that for which ``wait_for_first`` waits."""
        with self._changed:
            if self._first_problem is not None:
                return False
            self._first_problem = problem
            self._changed.notify_all()
            return True

    def offer(self, process: Process) -> None:
        """The process can run the function."""
        with self._changed:
            self._first_problem = self._first_problem or ""
            self._free.append(process)
            self._changed.notify_all()

    def remove(self, process: Process) -> bool:
        """The process has ended. Returns whether it was free."""
        with self._changed:
            process.has_ended = True
            was_free = process in self._free
            if was_free:
                self._free.remove(process)
                self._changed.notify()
            if process not in self._lent:
                process.close()
            return was_free

    def lend(self, task_id: str, longest_wait: float | None) -> Process | None:
        """Wait for a free process. Returns None after longest_wait seconds without one, and when it is closed.

        longest_wait: None if there is no limit.
        """
        with self._changed:
            if not self._changed.wait_for(self._can_lend, longest_wait) or self.closed.is_set():
                return None
            process = self._free.pop()
            self._lent[process] = task_id
        return process

    def take_back(self, process: Process) -> None:
        """Its task has ended, or has not begun."""
        with self._changed:
            del self._lent[process]
            if self._most_tasks is not None and process.number_of_tasks >= self._most_tasks:
                process.kill()
            elif not (process.has_ended or process.is_killed):
                self._free.append(process)
                self._changed.notify()
            if process.has_ended:
                process.close()

    def kill(self, task_id: str) -> None:
        """Kill the process that is lent to the task, if one is."""
        with self._changed:
            for process in [each for each, lent_to in self._lent.items() if lent_to == task_id]:
                process.kill()

    def tell_stopping(self) -> None:
        """Let the functions that run see that the worker is stopping."""
        with self._changed:
            for process in self._lent:
                process.tell_stopping()

    def close(self) -> None:
        """Lend no more, and wake up those who wait. Repeating it changes nothing."""
        with self._changed:
            self.closed.set()
            self._changed.notify_all()

    def _can_lend(self) -> bool:
        """Whether there is an answer for ``lend``. It waits while its place removes a process that has just ended."""
        return self.closed.is_set() or (bool(self._free) and self._free[-1].is_alive())
