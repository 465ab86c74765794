"""TaskRunner: starts workers, changes them while they run, and brings them to an orderly end."""

from __future__ import annotations

import logging
import math
import queue
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self

from conductor._threads import LoopThread
from conductor.errors import ConfigurationError
from conductor.runner.running_worker import RunningWorker
from conductor.settings import Duration, is_text, positive_int, seconds
from conductor.task_client import HttpTaskClient, TaskClient
from conductor.transport import ApiClient
from conductor.worker import Execute, Worker, WorkerKey, checked_poll_interval, checked_poll_timeout

logger = logging.getLogger(__name__)

_LOOK_AGAIN = 0  # what a watcher is told besides signal numbers: a worker ended, or was told to


class TaskRunner:
    """Polls tasks from a Conductor server and runs worker functions for them. Thread-safe.

    api_client: None makes one from the environment, which the runner then also closes. (Tests may give a TaskClient.)
    worker_id: what the server shows as the poller; None: this machine's host name.
    shutdown_timeout: how long running tasks may take to finish, counted from ``shutdown``; seconds or timedelta.

    A context manager: leaving it shuts all workers down and waits for them. Workers are known by their task name and
    domain: where a method takes both, an unknown pair is a ConfigurationError, or 0 or None from a getter.
    """

    def __init__(
        self,
        api_client: ApiClient | TaskClient | None = None,
        *,
        worker_id: str | None = None,
        shutdown_timeout: Duration = 30.0,
    ) -> None:
        if worker_id is not None and (not isinstance(worker_id, str) or not worker_id or not is_text(worker_id)):
            raise ConfigurationError(f"worker_id must be None or a name, not {worker_id!r}")
        self._shutdown_timeout = seconds("shutdown_timeout", shutdown_timeout)
        self._worker_id = worker_id or socket.gethostname()
        if not isinstance(api_client, TaskClient | ApiClient | None):
            raise ConfigurationError(f"api_client must be an ApiClient, not {api_client!r}")
        self._own_client = None
        if api_client is None:
            api_client = self._own_client = ApiClient()
        self._client = HttpTaskClient(api_client) if isinstance(api_client, ApiClient) else api_client
        self._loop_thread = LoopThread("conductor-loop")
        self._left_behind = threading.Event()
        self._lock = threading.Lock()  # guards everything below
        self._workers: dict[WorkerKey, RunningWorker] = {}  # the last one started for each key, stopping ones included
        self._replaced: list[RunningWorker] = []  # stopping ones whose key was started again
        self._watchers: set[queue.SimpleQueue[int]] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.shutdown()
        self.wait_workers()

    def start_worker(
        self,
        task_name: str,
        execute: Execute,
        batch_size: int = 1,
        poll_interval: Duration | None = None,
        *,
        domain: str | None = None,
        poll_timeout: Duration | None = None,
    ) -> None:
        """Start polling for a task type; returns at once.

        execute: called with the Task, on a thread of its own, or awaited on the runner's event loop if ``async def``.
            What it returns or raises becomes the result: see TaskResult and NonRetryableError.
        batch_size: how many tasks may run at once.
        poll_interval: wait after an empty poll; poll_timeout: how long a poll waits at the server, 5 s at most; seconds
            or timedelta. None lets the runner choose: it waits at the server, 1 s at a time.

        The same task name and domain twice is a ConfigurationError, as is any argument that cannot work.
        """
        worker = Worker.checked(task_name, execute, batch_size, poll_interval, domain, poll_timeout)
        with self._lock:
            previous = self._workers.get(worker.key)
            if previous is not None and not previous.is_stopping:
                raise ConfigurationError(
                    f"a worker for task_name {task_name!r} and domain {domain!r} is running already"
                )
            if previous is not None:
                self._replaced = [other for other in (*self._replaced, previous) if not other.slots.ended]
            self._workers[worker.key] = RunningWorker(
                worker, self._client, self._worker_id, self._loop_thread, self._left_behind, self._tell_watchers
            )

    def set_batch_size(self, task_name: str, batch_size: int, domain: str | None = None) -> None:
        """0 stops polling and keeps the worker; running tasks go on."""
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 0:
            raise ConfigurationError(f"batch_size must be a whole number of 0 or more, not {batch_size!r}")
        self._known(task_name, domain).slots.limit = batch_size

    def increase_batch_size(self, task_name: str, batch_size: int, domain: str | None = None) -> None:
        """By batch_size, 1 or more."""
        change = positive_int("batch_size", batch_size)
        self._known(task_name, domain).slots.adjust_limit(change)

    def decrease_batch_size(self, task_name: str, batch_size: int, domain: str | None = None) -> None:
        """By batch_size, 1 or more, down to 0."""
        change = positive_int("batch_size", batch_size)
        self._known(task_name, domain).slots.adjust_limit(-change)

    def get_batch_size_for_task(self, task_name: str, domain: str | None = None) -> int:
        running = self._find(task_name, domain)
        return running.slots.limit if running else 0

    def get_batch_size_for_all(self) -> dict[WorkerKey, int]:
        """By (task_name, domain)."""
        return {running.worker.key: running.slots.limit for running in self._active()}

    def set_poll_interval_for_task(
        self, task_name: str, poll_interval: Duration | None, domain: str | None = None
    ) -> None:
        """Counts from the next empty poll on."""
        interval = checked_poll_interval(poll_interval)
        self._known(task_name, domain).worker.poll_interval = interval

    def get_poll_interval_for_task(self, task_name: str, domain: str | None = None) -> float | None:
        """Seconds; None also where the runner chooses."""
        running = self._find(task_name, domain)
        return running.worker.poll_interval if running else None

    def set_poll_timeout_for_task(
        self, task_name: str, poll_timeout: Duration | None, domain: str | None = None
    ) -> None:
        """Counts from the next poll on."""
        timeout = checked_poll_timeout(poll_timeout)
        self._known(task_name, domain).worker.poll_timeout = timeout

    def get_poll_timeout_for_task(self, task_name: str, domain: str | None = None) -> float | None:
        """Seconds; None also where the runner chooses."""
        running = self._find(task_name, domain)
        return running.worker.poll_timeout if running else None

    def pause(self, task_name: str | None = None, domain: str | None = None) -> None:
        """Poll no more until ``resume``; running tasks go on. Without name and domain: all workers."""
        for running in self._chosen(task_name, domain):
            running.slots.pause()

    def resume(self, task_name: str | None = None, domain: str | None = None) -> None:
        """Without name and domain: all workers."""
        for running in self._chosen(task_name, domain):
            running.slots.resume()

    def shutdown(self, task_name: str | None = None, domain: str | None = None) -> None:
        """End a worker, or without name and domain all; returns at once. Repeating it changes nothing.

        It polls no more; running tasks get ``shutdown_timeout`` to finish; tasks of a poll in flight are handed back.
        ``wait_workers`` waits for the end.
        """
        drain_until = time.monotonic() + self._shutdown_timeout
        with self._lock:
            known = self._workers.get((task_name or "", domain))  # a stopping one too
        for running in [known] if known else self._chosen(task_name, domain):
            running.shutdown(drain_until)
        self._tell_watchers()

    def wait_workers(self, timeout: Duration | None = None, handle_signals: bool = True) -> bool:
        """Block until all workers have ended, at once when there are none. A worker function must not call it.

        True: all ended, and nothing was left behind. False: the timeout passed (the workers go on), or work was left
        behind, at the end of ``shutdown_timeout`` or by a second signal: those tasks are logged and come back when
        their lease ends. Scripts end with ``sys.exit(not runner.wait_workers())``.

        handle_signals: on the main thread, SIGINT and SIGTERM shut all workers down, a second one returns at once; the
        handlers that were there before are put back.
        """
        deadline = math.inf if timeout is None else time.monotonic() + seconds("timeout", timeout)
        news: queue.SimpleQueue[int] = queue.SimpleQueue()
        signals = 0
        with self._watching(news), _signals_into(news, handle_signals):
            while alive := self._alive_or_cleaned_up():
                drain_until = max(running.drain_until for running in alive)
                try:
                    event = _next(news, min(deadline, drain_until))
                except queue.Empty:
                    return _abandon(alive) if drain_until <= deadline else False
                if event != _LOOK_AGAIN:
                    signals += 1
                    if signals > 1:
                        return _abandon(alive)
                    self.shutdown()
        return not self._left_behind.is_set()

    def _alive_or_cleaned_up(self) -> list[RunningWorker]:
        """The workers that have not ended; when there is none, what the runner made has been closed."""
        with self._lock:  # so that no worker starts between the look and the closing
            alive = [running for running in (*self._workers.values(), *self._replaced) if not running.slots.ended]
            if not alive:
                self._loop_thread.close()
                if self._own_client is not None:
                    self._own_client.close()
        return alive

    def _active(self) -> list[RunningWorker]:
        with self._lock:
            return [running for running in self._workers.values() if not running.is_stopping]

    def _find(self, task_name: str, domain: str | None) -> RunningWorker | None:
        with self._lock:
            running = self._workers.get((task_name, domain))
        return running if running and not running.is_stopping else None

    def _known(self, task_name: str, domain: str | None) -> RunningWorker:
        running = self._find(task_name, domain)
        if running is None:
            raise _unknown(task_name, domain)
        return running

    def _chosen(self, task_name: str | None, domain: str | None) -> list[RunningWorker]:
        if task_name is not None:
            return [self._known(task_name, domain)]
        if domain is not None:
            raise ConfigurationError(f"domain {domain!r} needs a task_name")
        return self._active()

    def _tell_watchers(self) -> None:
        with self._lock:
            watchers = list(self._watchers)
        for news in watchers:
            news.put(_LOOK_AGAIN)

    @contextmanager
    def _watching(self, news: queue.SimpleQueue[int]) -> Iterator[None]:
        with self._lock:
            self._watchers.add(news)
        try:
            yield
        finally:
            with self._lock:
                self._watchers.discard(news)


def _unknown(task_name: str, domain: str | None) -> ConfigurationError:
    of_domain = f" in domain {domain!r}" if domain is not None else ""
    return ConfigurationError(f"no worker registered for task_name {task_name!r}{of_domain}")


def _next(news: queue.SimpleQueue[int], until: float) -> int:
    return news.get(timeout=None if until == math.inf else max(0.0, until - time.monotonic()))


def _abandon(workers: list[RunningWorker]) -> bool:
    for running in workers:
        running.abandon()
    return False


@contextmanager
def _signals_into(news: queue.SimpleQueue[int], wanted: bool) -> Iterator[None]:
    """Put SIGINT and SIGTERM into the queue instead of whatever they did. Does nothing off the main thread."""
    if not wanted or threading.current_thread() is not threading.main_thread():
        yield
        return

    def put(number: int, _frame: FrameType | None) -> None:
        news.put(number)  # SimpleQueue.put may be interrupted by itself: it is safe in a handler

    previous = {number: signal.signal(number, put) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        while not news.empty():  # a signal that came when the waiting was over already is for the handlers from before
            if (event := news.get()) != _LOOK_AGAIN:
                signal.raise_signal(event)
