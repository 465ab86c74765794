"""Work that takes its time, on threads of its own, so that nobody waits for it with the lock of the engine."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from conductor.testing.engine.tasks.kind import Work
from conductor.testing.engine.tasks.outcome import FAILED, Outcome

logger = logging.getLogger(__name__)

MOST_THREADS = 20
STOP_WITHIN = 2.0
"""Seconds for the work that is running when the engine is closed."""


class Background:
    """Runs work for tasks. Thread-safe. done: called, on the thread of the work, with the task's id and its outcome.

    Each thread ends as soon as nothing waits.
    """

    def __init__(self, done: Callable[[str, Outcome], None]) -> None:
        self._done = done
        self._lock = threading.Lock()  # guards everything below
        self._waiting: deque[str] = deque()
        self._work: dict[str, Work] = {}  # by the id of the task: what waits or runs
        self._threads: set[threading.Thread] = set()
        self._closed = False
        self._listeners: list[Callable[[], object]] = []

    def listen(self, listener: Callable[[], object]) -> None:
        """Call the function, on the thread of the work, each time when work is done."""
        self._listeners.append(listener)

    def start(self, task_id: str, work: Work) -> bool:
        """Run the work soon. Returns whether it has been taken: not if work of the task waits or runs already."""
        with self._lock:
            if self._closed or task_id in self._work:
                return False
            self._work[task_id] = work
            self._waiting.append(task_id)
            if len(self._threads) < MOST_THREADS:
                thread = threading.Thread(target=self._run_all, name="conductor-dev-background", daemon=True)
                self._threads.add(thread)
                thread.start()
            return True

    def close(self) -> None:
        """Stop the work that runs, forget the rest, and wait for the threads."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            running, threads = list(self._work.values()), list(self._threads)
        for work in running:
            work.stop()
        until = time.monotonic() + STOP_WITHIN
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _run_all(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._threads.discard(threading.current_thread())
                    return
                task_id = self._waiting.popleft()
                work = self._work[task_id]
            outcome = _outcome_of(work)
            if not self._closed:
                self._done(task_id, outcome)
            with self._lock:
                del self._work[task_id]  # not earlier, because until now the task looks as if it had not begun
            for listener in self._listeners:
                listener()


def _outcome_of(work: Work) -> Outcome:
    try:
        return work.run()
    except Exception as error:
        logger.exception("the work of a task has failed")
        return Outcome(FAILED, {}, f"{type(error).__name__}: {error}")
