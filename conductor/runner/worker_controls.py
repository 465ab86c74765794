"""The methods of a TaskRunner that look at its running workers, change them and end them."""

from __future__ import annotations

from conductor._arguments import Duration, optional_seconds, whole_number
from conductor.health import Health
from conductor.runner.health import RunnerHealth
from conductor.runner.workers import Workers
from conductor.worker import LONGEST_POLL_TIMEOUT, WorkerKey


class WorkerControls:
    """Thread-safe. A task name and a domain together name a worker.

    If there is no such worker, a setter raises ConfigurationError, and a getter returns 0 or None.
    """

    def __init__(self, workers: Workers, health: RunnerHealth) -> None:
        self._workers = workers
        self._health = health

    def health(self) -> Health:
        """The health of the runner now. ``provide_metrics`` serves it, for all runners of the process.

        It makes no request and waits for nothing, so it can be called at any time and on any thread. ``healthy`` False
        asks for a restart of the process; ``ready`` tells whether the workers take tasks. docs/health.md lists the
        reasons.
        """
        return self._health.look()

    def set_batch_size(self, task_name: str, batch_size: int, domain: str | None = None) -> None:
        """Set the number of tasks that may run at once. 0 stops polling; the worker and its running tasks stay."""
        limit = whole_number("batch_size", batch_size, 0)
        self._workers.known(task_name, domain).capacity.change_limit(to=limit)

    def increase_batch_size(self, task_name: str, batch_size: int, domain: str | None = None) -> None:
        """Add batch_size, which is at least 1."""
        change = whole_number("batch_size", batch_size, 1)
        self._workers.known(task_name, domain).capacity.change_limit(by=change)

    def decrease_batch_size(self, task_name: str, batch_size: int, domain: str | None = None) -> None:
        """Subtract batch_size, which is at least 1. The result is never below 0."""
        change = whole_number("batch_size", batch_size, 1)
        self._workers.known(task_name, domain).capacity.change_limit(by=-change)

    def get_batch_size_for_task(self, task_name: str, domain: str | None = None) -> int:
        running = self._workers.find(task_name, domain)
        return running.capacity.limit if running else 0

    def get_batch_size_for_all(self) -> dict[WorkerKey, int]:
        """By (task_name, domain)."""
        return {running.worker.key: running.capacity.limit for running in self._workers.active()}

    def set_poll_interval_for_task(
        self, task_name: str, poll_interval: Duration | None, domain: str | None = None
    ) -> None:
        """Set the wait after an empty poll. It also shortens or extends a wait that has begun."""
        interval = optional_seconds("poll_interval", poll_interval)
        self._workers.known(task_name, domain).set_poll_interval(interval)

    def get_poll_interval_for_task(self, task_name: str, domain: str | None = None) -> float | None:
        """Seconds; None also where the runner chooses."""
        running = self._workers.find(task_name, domain)
        return running.worker.poll_interval if running else None

    def set_poll_timeout_for_task(
        self, task_name: str, poll_timeout: Duration | None, domain: str | None = None
    ) -> None:
        """Set the time that a poll may wait at the server, from the next poll on."""
        timeout = optional_seconds("poll_timeout", poll_timeout, maximum=LONGEST_POLL_TIMEOUT)
        self._workers.known(task_name, domain).worker.poll_timeout = timeout

    def get_poll_timeout_for_task(self, task_name: str, domain: str | None = None) -> float | None:
        """Seconds; None also where the runner chooses."""
        running = self._workers.find(task_name, domain)
        return running.worker.poll_timeout if running else None

    def pause(self, task_name: str | None = None, domain: str | None = None) -> None:
        """Poll no more until ``resume``. Running tasks continue. Tasks of a poll in flight are handed back.

        Without name and domain: all workers.
        """
        for running in self._workers.chosen(task_name, domain):
            running.capacity.pause()

    def resume(self, task_name: str | None = None, domain: str | None = None) -> None:
        """Poll again. Without name and domain: all workers."""
        for running in self._workers.chosen(task_name, domain):
            running.capacity.resume()

    def shutdown(self, task_name: str | None = None, domain: str | None = None) -> None:
        """End a worker, or all workers without name and domain. Returns at once. Repeating it changes nothing.

        Polling stops. Running tasks have ``shutdown_timeout`` to finish. Tasks of a poll in flight are handed back.
        ``wait_workers`` waits for the end, and closes the runner's resources.
        """
        self._workers.shutdown(task_name, domain)
