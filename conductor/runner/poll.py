"""The poll loop of one worker. It takes a slot before it polls, so that no polled task waits while its lease runs.

An idle worker waits at the server for one task. If an answer is full, more tasks are waiting: the next poll asks for as
many tasks as there are free slots, and does not wait. (A server with an SQL database holds a batch poll until ``count``
tasks are there, and still assigns tasks to the open poll of a client that has died: server 3.32.3.)
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from functools import partial
from typing import Protocol

from conductor import _recording
from conductor._backoff import Backoff
from conductor._clock import Clock
from conductor._log import about, logger_of
from conductor.delivery.failure_log import FailureLog
from conductor.errors import AnswerTooLargeError, ApiError, ConductorError, DecodeError
from conductor.hooks.interception import Interceptors
from conductor.models import Task
from conductor.runner.capacity import Capacity
from conductor.runner.pulse import Pulse, Step
from conductor.task_client import Delivery
from conductor.task_result import TaskResult
from conductor.worker import Worker

logger = logger_of(__name__)

IDLE_POLL_TIMEOUT = 1.0
"""Seconds that an idle worker waits at the server by default. A stop waits for the end of that poll."""

QUICKEST_PACE, SLOWEST_PACE = 0.1, 1.0
"""Seconds between empty idle polls of a server that does not wait, by default. The pace also holds after polls that
brought only unreadable tasks."""

MOST_TASKS = 100
"""A poll may bring this many tasks, or twice as many as it asked for. Each surplus task is handed back."""


class TaskReceiver(Protocol):
    """A RunningWorker, as the receiver of polled tasks."""

    def receive(self, task: Task, has_slot: bool) -> bool:
        """Returns whether the task has taken the slot."""
        ...

    def report_unreadable(self, result: TaskResult) -> None: ...


class TaskSource(Protocol):
    """A runner's Resources, as the source of tasks."""

    @property
    def clock(self) -> Clock: ...
    @property
    def interceptors(self) -> Interceptors: ...

    def poll(self, worker: Worker, count: int, timeout: float) -> Delivery: ...


class Poller:
    """The poll loop. ``run`` returns when the capacity is closed."""

    def __init__(
        self, worker: Worker, source: TaskSource, capacity: Capacity, receiver: TaskReceiver, pulse: Pulse
    ) -> None:
        self._worker = worker
        self._source = source
        self._clock = source.clock
        self._capacity = capacity
        self._receiver = receiver
        self._pulse = pulse
        self._idle = True
        self._most_tasks = sys.maxsize  # tasks per answer; limits the size of the answer
        self._pace = QUICKEST_PACE
        self._unreadable: set[str] = set()  # ids of the last answer that had no usable task
        self._waits_for_tasks = False  # False: it waits because polls fail
        self._backoff = Backoff()
        self._failures = FailureLog(
            worker.task_name, "polls fail, and go on with growing pauses", "polls succeed again"
        )

    def run(self) -> None:
        while asked := self._capacity.take(at_most=1 if self._idle else self._most_tasks):
            began = self._clock.now()
            self._pulse.step = Step(began)
            self._capacity.request_started()
            try:
                wait = self._poll(asked, began)
            except Exception as error:
                wait = self._backoff.next()
                self._pulse.failed(error, began)
                _recording.uncaught.count_error(error)
                logger.exception("%s: a poll ended in a bug; polling goes on", self._worker.task_name)
            finally:  # also if the thread ends here, so that a drain does not wait for it
                self._capacity.request_done()
            self._pulse.step = None
            self._wait(wait)

    def _wait(self, wait: float) -> None:
        """Wait, or return early when the capacity is closed. A new interval counts from the beginning of the wait."""
        began, left = self._clock.now(), wait
        while self._clock.wait(self._capacity.wait_changed, left):
            self._capacity.wait_changed.clear()  # before the checks, so that no change is missed
            if self._capacity.closed.is_set():
                return
            if self._waits_for_tasks:
                wait = self._worker.poll_interval or 0.0
            left = max(0.0, began + wait - self._clock.now())

    def _poll(self, asked: int, began: float) -> float:
        """Poll once and pass the tasks on. Returns the seconds to wait before the next poll."""
        used = 0
        self._waits_for_tasks = False
        try:
            delivery = self._source.interceptors.poll(self._worker, partial(self._timed_poll, asked, began))
            for task in self._distinct(delivery.tasks):
                used += self._receiver.receive(task, used < asked)
            for result in delivery.unreadable:
                self._receiver.report_unreadable(result)
        except ConductorError as error:
            self._failures.failed(error)
            self._pulse.failed(error, began)
            if isinstance(error, AnswerTooLargeError):
                self._most_tasks = max(1, asked // 2)
                if asked > 1:
                    return 0.0
            return self._backoff.next(error.retry_after if isinstance(error, ApiError) else None)
        finally:
            self._capacity.give_back(asked - used)
        received = len(delivery.tasks) + len(delivery.unreadable) + delivery.skipped
        if received and not used and self._capacity.may_begin():
            return self._wait_after_none_used(delivery)
        self._backoff.reset()
        self._failures.recovered()
        if received:
            self._most_tasks = min(2 * self._most_tasks, delivery.fits)
        return self._wait_after(received, asked, self._clock.now() - began)

    def _wait_after_none_used(self, delivery: Delivery) -> float:
        """The wait after an answer without a usable task. It grows if the server repeats itself.

        A new unreadable task is no failure of polls. It has its result, and the tasks behind it must not wait.
        """
        before, self._unreadable = self._unreadable, {result.task_id for result in delivery.unreadable}
        if delivery.tasks:  # duplicates, or tasks of another type
            return self._backoff.next()
        if not self._unreadable <= before:
            self._pace = QUICKEST_PACE
        return self._next_pace()

    def _distinct(self, tasks: list[Task]) -> Iterable[Task]:
        """Each task once. A second copy must not be handed back: it could take the task away from another worker."""
        distinct: dict[str, Task] = {}
        for task in tasks:
            if distinct.setdefault(task.task_id, task) is not task:
                _recording.duplicates.count(self._worker.task_name)
                extra = about(self._worker.task_name, task, task.retry_count)
                logger.warning("ignored a copy of a task in the same answer", extra=extra)
        return distinct.values()

    def _timed_poll(self, asked: int, began: float) -> Delivery:
        started = time.perf_counter()
        pulse = self._pulse
        held = self._poll_timeout()
        pulse.step = Step(self._clock.now(), held)
        try:
            delivery = self._source.poll(self._worker, asked, held)
            if len(delivery.tasks) > max(2 * asked, MOST_TASKS):
                raise DecodeError(f"a poll for {asked} brought {len(delivery.tasks)} tasks, and none is taken")
        except ConductorError as error:
            _recording.poll_finished(self._worker.task_name, time.perf_counter() - started, error)
            raise
        finally:
            pulse.step = Step(self._clock.now())
        pulse.good_at, pulse.fails_since = began, None
        _recording.poll_finished(self._worker.task_name, time.perf_counter() - started)
        return delivery

    def _poll_timeout(self) -> float:
        if self._worker.poll_timeout is not None:
            return self._worker.poll_timeout
        return IDLE_POLL_TIMEOUT if self._idle else 0.0

    def _wait_after(self, received: int, asked: int, took: float) -> float:
        was_idle, self._idle = self._idle, received < asked
        if received:
            self._pace = QUICKEST_PACE
            return 0.0
        self._waits_for_tasks = True
        if self._worker.poll_interval is not None:
            return self._worker.poll_interval
        if not was_idle:
            return 0.0
        return max(0.0, self._next_pace() - took)

    def _next_pace(self) -> float:
        pace, self._pace = self._pace, min(2 * self._pace, SLOWEST_PACE)
        return pace
