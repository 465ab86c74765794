"""TaskRunner: starts workers, changes them while they run, and brings them to an orderly end."""

from __future__ import annotations

import atexit
import math
import os
import queue
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import closing
from types import TracebackType
from typing import TYPE_CHECKING, Self

from conductor._arguments import Duration, is_async, seconds, whole_number
from conductor._clock import Clock, MonotonicClock
from conductor._log import logger_of
from conductor.calling.execute import current_task
from conductor.delivery.redelivery import Redelivery
from conductor.delivery.update import OnResultLost, inside_on_result_lost
from conductor.errors import ConductorError, ConfigurationError
from conductor.runner.leaks import Leaks
from conductor.runner.runner_log import RunnerLog
from conductor.runner.running_worker import RunningWorker
from conductor.runner.shared import Shared
from conductor.runner.signals import LOOK_AGAIN, Waits, heeded_by, next_of, signals_into, tell_all_runners
from conductor.task_client import HttpTaskClient, TaskClient
from conductor.transport import ApiClient
from conductor.worker import Execute, Worker, WorkerKey, checked_name, checked_poll_interval, checked_poll_timeout

if TYPE_CHECKING:
    from conductor.calling.pool import Pool
    from conductor.delivery.outbox import Outbox

logger = logger_of(__name__)

LAST_ANSWERS_WITHIN = 1.5
"""Seconds that a runner which must end now waits for the answers to its last requests."""

LOSSES_TOLD_WITHIN = 0.3
"""Seconds after that which on_result_lost may take."""


class TaskRunner:
    """Polls tasks from a Conductor server and runs worker functions for them. Thread-safe.

    api_client: None makes one from the environment, which the runner then also closes. (Tests may give a TaskClient.)
    worker_id: what the server shows as the poller; None: this machine's host name and the process, as in ``host-4711``.
    shutdown_timeout: how long running tasks may take to finish, counted from ``shutdown``; seconds or timedelta.
    outbox: the path of a file that keeps each final result from before its first send until the server has it. What is
        left there, after a ``kill -9`` for instance, goes out when the first worker starts, oldest first, to the server
        it was meant for. Processes may share it. Without one, a result lives as long as its process.
    on_result_lost: called with a TaskResult that will not be delivered, and with the last error: it was refused,
        nobody waits for it any more, or it could not be sent in time. On a thread of the runner's.

    A context manager: leaving it shuts all workers down and waits for them. Workers are known by their task name and
    domain: where a method takes both, an unknown pair is a ConfigurationError, or 0 or None from a getter.
    """

    def __init__(
        self,
        api_client: ApiClient | TaskClient | None = None,
        *,
        worker_id: str | None = None,
        shutdown_timeout: Duration = 30.0,
        outbox: str | os.PathLike[str] | None = None,
        on_result_lost: OnResultLost | None = None,
    ) -> None:
        self._shutdown_timeout = seconds("shutdown_timeout", shutdown_timeout)
        host_and_process = f"{socket.gethostname()}-{os.getpid()}"
        self._worker_id = host_and_process if worker_id is None else checked_name("worker_id", worker_id)
        if not isinstance(api_client, TaskClient | ApiClient | None):
            raise ConfigurationError(f"api_client must be an ApiClient, not {type(api_client).__name__}")
        if on_result_lost is not None and (not callable(on_result_lost) or is_async(on_result_lost)):
            raise ConfigurationError(f"on_result_lost must be callable, and no `async def`, not {on_result_lost!r}")
        self._own_client = None
        if api_client is None:
            api_client = self._own_client = ApiClient()
        self._client = HttpTaskClient(api_client) if isinstance(api_client, ApiClient) else api_client
        self._log = RunnerLog(self._client.server, self._worker_id, api_client)
        self._outbox_path: str | None = None
        if outbox is not None:
            with closing(self._open_outbox(outbox)) as opened:  # to see whether it can be
                self._outbox_path = opened.path
        self._on_result_lost = on_result_lost
        self._clock: Clock = MonotonicClock()
        self._left_behind = threading.Event()
        self._process_id = os.getpid()
        self._waits = Waits()
        # Guards everything below. A user's signal handler may call shutdown while its thread holds it.
        self._state = threading.RLock()
        self._shared: Shared | None = None  # while workers run
        self._redelivery: Redelivery | None = None
        self._leaks: Leaks | None = None
        self._workers: dict[WorkerKey, RunningWorker] = {}  # the last one started for each key, stopping ones included
        self._replaced: list[RunningWorker] = []  # stopping ones whose key was started again
        self._signals = 0  # since the first worker started, so that a second call waits for the second one

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
        lease_extension: bool = False,
        timeout: Duration | None = None,
        executor: Executor | Callable[[], Executor] | None = None,
    ) -> None:
        """Start polling for a task type; returns at once (with processes: when the first of them is there).

        execute: called with the Task, on a thread of its own, or awaited on the runner's event loop if ``async def``.
            What it returns or raises becomes the result: see TaskResult and NonRetryableError.
        batch_size: how many tasks may run at once.
        poll_interval: wait after an empty poll; poll_timeout: how long a poll waits at the server, 5 s at most; seconds
            or timedelta. None lets the runner choose: it waits at the server, 1 s at a time.
        lease_extension: keep a running task from timing out at the server (its definition's responseTimeoutSeconds),
            for as long as it runs and its final result is not accepted.
        timeout: what one execution may take, seconds or timedelta; then the task is reported as FAILED and its slot is
            free. The function is asked to stop (``task_context().lost``; a coroutine is cancelled), but a thread that
            hangs stays until the process ends; an executor that a callable made is replaced. In processes the time
            counts from when the task is given to them.
        executor: where to run a ``def`` function, instead of on the runner's threads; or a callable that makes one,
            which the runner then also closes, and makes again when it breaks. Python's own ThreadPoolExecutor and
            ProcessPoolExecutor keep the process from ending while a function runs in them. See ``process_pool``.

        The same task name and domain twice is a ConfigurationError, as is any argument that cannot work.
        """
        worker = Worker.checked(
            task_name,
            execute,
            batch_size,
            poll_interval,
            domain,
            poll_timeout,
            lease_extension=lease_extension,
            timeout=timeout,
            executor=executor,
        )
        pool = self._make_pool(worker)
        try:
            with self._locked():
                self._start(worker, pool)
        except BaseException:
            if pool is not None:
                pool.close()
            raise
        self._waits.tell()

    def _start(self, worker: Worker, pool: Pool | None) -> None:
        if self._leaks is None:  # an end that was told while functions hung: they may have ended since
            self._alive_or_closed()
        previous = self._workers.get(worker.key)
        if previous is not None and not previous.is_stopping:
            raise ConfigurationError(
                f"a worker for task_name {worker.task_name!r} {_of(worker.domain)} is running already"
            )
        if previous is not None:
            self._replaced = [other for other in (*self._replaced, previous) if not other.slots.ended]
        self._workers[worker.key] = RunningWorker(worker, self._opened(), pool)
        self._log.started(worker)

    def _make_pool(self, worker: Worker) -> Pool | None:
        if worker.executor is None:
            return None
        from conductor.calling.pool import Pool  # noqa: PLC0415 - not every worker needs multiprocessing

        return Pool(worker.task_name, worker.execute, worker.executor, self._worker_id)

    def set_batch_size(self, task_name: str, batch_size: int, domain: str | None = None) -> None:
        """0 stops polling and keeps the worker; running tasks go on."""
        limit = whole_number("batch_size", batch_size, 0)
        self._known(task_name, domain).slots.limit = limit

    def increase_batch_size(self, task_name: str, batch_size: int, domain: str | None = None) -> None:
        """By batch_size, 1 or more."""
        change = whole_number("batch_size", batch_size, 1)
        self._known(task_name, domain).slots.adjust_limit(change)

    def decrease_batch_size(self, task_name: str, batch_size: int, domain: str | None = None) -> None:
        """By batch_size, 1 or more, down to 0."""
        change = whole_number("batch_size", batch_size, 1)
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
        """Counts from the last empty poll on: a wait that is running ends when the new interval says so."""
        interval = checked_poll_interval(poll_interval)
        self._known(task_name, domain).set_poll_interval(interval)

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
        """Poll no more until ``resume``; running tasks go on, those of a poll in flight are handed back.

        Without name and domain: all workers.
        """
        for running in self._chosen(task_name, domain):
            running.slots.pause()

    def resume(self, task_name: str | None = None, domain: str | None = None) -> None:
        """Without name and domain: all workers."""
        for running in self._chosen(task_name, domain):
            running.slots.resume()

    def shutdown(self, task_name: str | None = None, domain: str | None = None) -> None:
        """End a worker, or without name and domain all; returns at once. Repeating it changes nothing.

        It polls no more; running tasks get ``shutdown_timeout`` to finish; tasks of a poll in flight are handed back.
        ``wait_workers`` waits for the end, and closes what the runner has opened.
        """
        drain_until = self._clock.now() + self._shutdown_timeout
        with self._locked():
            known = None if task_name is None else self._workers.get((task_name, domain))  # a stopping one too
        chosen = [known] if known else self._chosen(task_name, domain)
        ending = [running for running in chosen if not running.is_stopping]
        self._log.draining([(running.worker, running.in_hand) for running in ending], self._shutdown_timeout, task_name)
        for running in ending:
            running.shutdown(drain_until)
        self._waits.tell()

    def wait_workers(self, timeout: Duration | None = None, handle_signals: bool = True) -> bool:
        """Block until all workers have ended, at once when there are none. A worker function must not call it.

        True: all ended, and nothing was left behind. False: the timeout passed (the workers go on), or work was left
        behind, at the end of ``shutdown_timeout`` or by a second signal: those tasks are logged and come back when
        their lease ends. A result that was given up since the first worker started counts as left behind
        too. Scripts end with ``sys.exit(not runner.wait_workers())``.

        handle_signals: on the main thread, SIGINT and SIGTERM shut all workers down, a second one returns at once; the
        handlers that were there before are put back. This process's other runners heed both too: wait for each.
        """
        if current_task() is not None or inside_on_result_lost():
            raise ConductorError("a worker function, or on_result_lost, must not wait for the workers to end")
        deadline = math.inf if timeout is None else time.monotonic() + seconds("timeout", timeout)
        with self._waits.another() as news, signals_into(news, handle_signals):
            while alive := self._alive_or_closed():
                self._log.polling()
                if self._signals > 1:
                    return self._abandon(alive)
                if self._signals and self._active():  # also those that were started since
                    self.shutdown()
                drain_until = max(running.drain_until for running in alive)
                drained = time.monotonic() + drain_until - self._clock.now()
                try:
                    event = next_of(news, min(deadline, drained))
                except queue.Empty:
                    return self._abandon(alive) if drained <= deadline else False
                if event != LOOK_AGAIN:
                    tell_all_runners(event)
        return not self._left_behind.is_set()

    def _heed_signal(self, number: int) -> None:
        """The first drains, also when nobody waits for these workers yet; the second is for whoever does."""
        if os.getpid() == self._process_id:
            self._log.signalled(number)
            with self._locked():
                self._signals += 1
            self.shutdown()

    def _locked(self) -> threading.RLock:
        """The lock. ConductorError in a forked child, which has neither the threads nor the sockets it would need."""
        if os.getpid() != self._process_id:
            raise ConductorError("a TaskRunner does not survive os.fork(): make one in the child process")
        return self._state

    def _open_outbox(self, path: str | os.PathLike[str]) -> Outbox:
        from conductor.delivery.outbox import Outbox  # noqa: PLC0415 - not every worker needs SQLite

        return Outbox(path, self._client.server)

    def _opened(self) -> Shared:
        """What the workers share; made with the first one."""
        if self._shared is None:
            self._left_behind.clear()
            self._signals = 0
            outbox = None if self._outbox_path is None else self._open_outbox(self._outbox_path)
            mine = self._client, self._worker_id, self._clock, self._left_behind, outbox, self._on_result_lost
            shared = Shared(*mine, log=self._log, on_end=self._waits.tell)
            try:
                self._redelivery = None if outbox is None else Redelivery(outbox, shared)
            except RuntimeError:  # the system has no thread left
                shared.close()
                raise
            self._leaks = Leaks()
            atexit.register(self._warn_at_exit)
            heeded_by.add(self._heed_signal)
            self._shared = shared
        return self._shared

    def _alive_or_closed(self) -> list[RunningWorker]:
        """The workers that have not ended; when there is none, what the runner made has been closed."""
        with self._locked():  # so that no worker starts between the look and the closing
            alive = [running for running in (*self._workers.values(), *self._replaced) if not running.slots.ended]
            if not alive and self._shared is not None:
                shared, self._shared = self._shared, None
                if self._redelivery is not None:
                    self._redelivery.close()  # while it can still tell whether it had come to its end
                shared.close()
                heeded_by.discard(self._heed_signal)
                atexit.unregister(self._warn_at_exit)
                self._warn_of_leaks()
                self._log.stopped(0, not self._left_behind.is_set())
            if not alive and self._own_client is not None:
                self._own_client.close()
        return alive

    def _abandon(self, workers: list[RunningWorker]) -> bool:
        self._signals = 0  # the next one is for workers that are started now
        until = time.monotonic() + LAST_ANSWERS_WITHIN
        abandoned_now = [running for running in workers if running.abandon()]
        if self._redelivery is not None:
            self._redelivery.close()
        for told in [running.settle(until - time.monotonic()) for running in abandoned_now]:
            told.wait(max(0.0, until + LOSSES_TOLD_WITHIN - time.monotonic()))
        atexit.unregister(self._warn_at_exit)  # it is said already
        self._warn_of_leaks()
        self._log.stopped(sum(running.in_hand for running in abandoned_now), False)
        return False

    def _warn_of_leaks(self) -> None:
        if self._leaks is not None:
            self._leaks.warn(any(running.worker.executor for running in self._workers.values()))
            self._leaks = None

    def _warn_at_exit(self) -> None:
        alive = any(not running.slots.ended for running in (*self._workers.values(), *self._replaced))
        if alive and os.getpid() == self._process_id:
            logger.warning(
                "the process ends although workers run: wait_workers() would keep it running;"
                " the server hands out their tasks again when the leases end"
            )

    def _active(self) -> list[RunningWorker]:
        with self._locked():
            return [running for running in self._workers.values() if not running.is_stopping]

    def _find(self, task_name: str, domain: str | None) -> RunningWorker | None:
        with self._locked():
            running = self._workers.get((task_name, domain))
        return running if running and not running.is_stopping else None

    def _known(self, task_name: str, domain: str | None) -> RunningWorker:
        running = self._find(task_name, domain)
        if running is None:
            raise ConfigurationError(f"no worker registered for task_name {task_name!r} {_of(domain)}")
        return running

    def _chosen(self, task_name: str | None, domain: str | None) -> list[RunningWorker]:
        if task_name is not None:
            return [self._known(task_name, domain)]
        if domain is not None:
            raise ConfigurationError(f"domain {domain!r} needs a task_name")
        return self._active()


def _of(domain: str | None) -> str:
    return "without a domain" if domain is None else f"of domain {domain!r}"
