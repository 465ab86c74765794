"""The end of a program that does not run for ever: after one task of each worker, or when no task waits.

Both are interceptors, because these see each poll and each result. ``begin`` is called before the workers start, and
``begun`` after that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from conductor.hooks.interceptor import Interceptor
from conductor.models import Task
from conductor.runner.task_runner import TaskRunner
from conductor.task_result import TaskResult
from conductor.worker import Worker, WorkerKey


class OneTask(Interceptor):
    """Ends each worker after one task, or after one answered poll that brings no task. Thread-safe.

    A paused worker ends at once, because it would never poll.

    After its task a worker gets no other one, neither by a poll nor in the answer to the result.
    """

    _runner: TaskRunner
    """Set by ``begin``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the next
        self._taken: dict[str, WorkerKey] = {}  # by task id
        self._paused: list[WorkerKey] = []

    def begin(self, runner: TaskRunner, workers: Sequence[Worker]) -> None:
        """workers: with the settings of the environment."""
        self._runner = runner
        self._paused = [worker.key for worker in workers if worker.paused]

    def begun(self) -> None:
        """End the paused workers."""
        for key in self._paused:
            self._runner.shutdown(*key)

    def poll(self, worker: Worker, proceed: Callable[[], list[Task]]) -> list[Task]:
        tasks = proceed()
        if tasks:
            with self._lock:
                self._taken[tasks[0].task_id] = worker.key
            self._runner.set_batch_size(worker.task_name, 0, worker.domain)
        else:
            self._runner.shutdown(*worker.key)
        return tasks

    def update(self, result: TaskResult, proceed: Callable[[], None]) -> None:
        proceed()
        self.lost(result)

    def lost(self, result: TaskResult, _error: Exception | None = None) -> None:
        """The result is out of hand: it was accepted, or will never be."""
        with self._lock:
            key = self._taken.get(result.task_id)
        if key is not None:
            self._runner.shutdown(*key)


class UntilIdle(Interceptor):
    """Ends the program when no task waits, and none is in hand. Thread-safe.

    That is so when each worker has polled in vain since the last result was accepted: a result may have put the next
    task of its workflow into the queue of another worker. Workers that are paused do not count.
    """

    _runner: TaskRunner
    """Set by ``begin``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the next two
        self._results = 0  # that were accepted
        self._quiet: dict[WorkerKey, int | None] = {}  # their number when the last poll in vain began

    def begin(self, runner: TaskRunner, workers: Sequence[Worker]) -> None:
        """workers: with the settings of the environment."""
        self._runner = runner
        self._quiet = {worker.key: None for worker in workers if not worker.paused}

    def poll(self, worker: Worker, proceed: Callable[[], list[Task]]) -> list[Task]:
        with self._lock:
            results = self._results
        tasks: list[Task] = []
        is_quiet = False
        try:
            tasks = proceed()
            is_quiet = not tasks
        finally:
            with self._lock:
                self._quiet[worker.key] = results if is_quiet else None
        self._end_if_idle()
        return tasks

    def update(self, result: TaskResult, proceed: Callable[[], None]) -> None:  # noqa: ARG002 - as its base class
        proceed()
        with self._lock:
            self._results += 1

    def begun(self) -> None:
        """End the program if all workers are paused."""
        self._end_if_idle()

    def _end_if_idle(self) -> None:
        """Shut the workers down if nothing is left to do."""
        if any(worker.in_hand for worker in self._runner.health().workers):
            return
        with self._lock:  # after the look, because the result of a task that ends now may bring a new task
            is_idle = all(results == self._results for results in self._quiet.values())
        if is_idle:
            self._runner.shutdown()
