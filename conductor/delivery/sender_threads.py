"""A few threads that send results of coroutines and of tasks that do not run, because no thread waits for those."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol

from conductor._schedule import Schedule
from conductor._threads import ThreadsOnDemand
from conductor.delivery.pending_result import PendingResult
from conductor.task_client import Delivery

MOST_THREADS = 30
"""Requests under way at once, per runner. A thousand coroutines must not need a thousand threads."""


class Sender(Protocol):
    """A ResultSender, attempt by attempt."""

    def first_attempt(self, pending: PendingResult) -> bool: ...
    def next_attempt(self, pending: PendingResult) -> bool: ...
    def is_pause_over(self, pending: PendingResult) -> bool: ...


@dataclass(eq=False, slots=True)
class _Waiting:
    sender: Sender
    pending: PendingResult
    done: Callable[[Delivery], object]
    timer: object = None


class SenderThreads:
    """The sender threads of one runner. Thread-safe. A result that waits for its next attempt occupies no thread."""

    def __init__(self, schedule: Schedule, name: str = "conductor-send") -> None:
        self._schedule = schedule
        self._threads = ThreadsOnDemand(name, MOST_THREADS)
        # Guards the next, and the timer of each. A user's signal handler may stop workers while its thread holds it.
        self._lock = threading.RLock()
        self._waiting: set[_Waiting] = set()

    @property
    def died_at(self) -> datetime | None:
        """The time at which an error last ended one of the threads."""
        return self._threads.died_at

    def start(self, job: Callable[[], object]) -> None:
        """Run the job on one of the threads. RuntimeError: the system has none left. The job must not raise."""
        self._threads.run(job)

    def run(self, job: Callable[[], object]) -> None:
        """Run the job on one of the threads, or on this one if the system has none left. The job must not raise."""
        try:
            self._threads.run(job)
        except RuntimeError:
            job()

    def send(self, sender: Sender, pending: PendingResult, done: Callable[[Delivery], object]) -> None:
        """Send a result. Blocks for the first attempt only.

        done: called with the answer when the result is out of hand, on this thread or on another one.
        """
        self._after(sender.first_attempt(pending), _Waiting(sender, pending, done))

    def end_pauses(self) -> None:
        """Send results whose pause is over, because their worker has begun to stop or has given up."""
        with self._lock:
            over = [
                waiting
                for waiting in self._waiting
                if waiting.sender.is_pause_over(waiting.pending) and self._schedule.cancel(waiting.timer)
            ]
        for waiting in over:
            self.run(partial(self._continue, waiting))

    def close(self) -> None:
        self._threads.close()

    def _continue(self, waiting: _Waiting) -> None:
        with self._lock:
            self._waiting.discard(waiting)
        self._after(waiting.sender.next_attempt(waiting.pending), waiting)

    def _after(self, is_done: bool, waiting: _Waiting) -> None:
        if is_done:
            waiting.done(waiting.pending.answer)
            return
        next_attempt = partial(self._threads.run, partial(self._continue, waiting))
        with self._lock:  # ``_continue`` needs it too, and may be due at once
            waiting.timer = self._schedule.at(waiting.pending.due, next_attempt)
            self._waiting.add(waiting)
        if waiting.sender.is_pause_over(waiting.pending):  # it may have ended during the attempt
            self.end_pauses()
