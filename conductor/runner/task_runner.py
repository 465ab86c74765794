"""TaskRunner: the public face. It checks its arguments and hands them on to the workers."""

from __future__ import annotations

import math
import os
import socket
import time
from contextlib import closing
from types import TracebackType
from typing import Self

from conductor._arguments import Duration, is_async, seconds, whole_number
from conductor._clock import MonotonicClock
from conductor._flag import Flag
from conductor.calling.callers import make_caller
from conductor.calling.context import current_task
from conductor.calling.process_pool import ProcessPool
from conductor.delivery.context import OnResultLost
from conductor.delivery.results_in_hand import inside_on_result_lost
from conductor.errors import ConductorError, ConfigurationError
from conductor.runner.resources import Setup, open_outbox
from conductor.runner.runner_log import RunnerLog
from conductor.runner.running_worker import RunningWorker
from conductor.runner.workers import Workers
from conductor.task_client import HttpTaskClient, TaskClient
from conductor.transport import ApiClient
from conductor.worker import Execute, Worker, WorkerKey, checked_name, checked_poll_interval, checked_poll_timeout


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
        drain_within = seconds("shutdown_timeout", shutdown_timeout)
        host_and_process = f"{socket.gethostname()}-{os.getpid()}"
        worker_id = host_and_process if worker_id is None else checked_name("worker_id", worker_id)
        if not isinstance(api_client, TaskClient | ApiClient | None):
            raise ConfigurationError(f"api_client must be an ApiClient, not {type(api_client).__name__}")
        if on_result_lost is not None and (not callable(on_result_lost) or is_async(on_result_lost)):
            raise ConfigurationError(f"on_result_lost must be callable, and no `async def`, not {on_result_lost!r}")
        own_client = None
        if api_client is None:
            api_client = own_client = ApiClient()
        client = HttpTaskClient(api_client) if isinstance(api_client, ApiClient) else api_client
        outbox_path = None
        if outbox is not None:
            with closing(open_outbox(outbox, client)) as opened:  # to see whether it can be
                outbox_path = opened.path
        log = RunnerLog(client.server, worker_id, api_client)
        self._setup = Setup(
            client, own_client, worker_id, drain_within, outbox_path, on_result_lost, MonotonicClock(), log
        )
        self._workers = Workers(self._setup)

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
        executor: ProcessPool | None = None,
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
            hangs stays until the process ends; a process is killed, and replaced. A task that has not begun within
            the time is handed back.
        executor: ``process_pool(…)`` runs a ``def`` function in processes instead of on the runner's threads.

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
        stopping = Flag()
        caller = make_caller(worker, self._setup.worker_id, stopping)
        try:
            self._workers.start(worker.key, lambda resources: RunningWorker(worker, resources, caller, stopping))
        except BaseException:
            if caller is not None:
                caller.close()
            raise

    def set_batch_size(self, task_name: str, batch_size: int, domain: str | None = None) -> None:
        """0 stops polling and keeps the worker; running tasks go on."""
        limit = whole_number("batch_size", batch_size, 0)
        self._workers.known(task_name, domain).capacity.change_limit(to=limit)

    def increase_batch_size(self, task_name: str, batch_size: int, domain: str | None = None) -> None:
        """By batch_size, 1 or more."""
        change = whole_number("batch_size", batch_size, 1)
        self._workers.known(task_name, domain).capacity.change_limit(by=change)

    def decrease_batch_size(self, task_name: str, batch_size: int, domain: str | None = None) -> None:
        """By batch_size, 1 or more, down to 0."""
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
        """Counts from the last empty poll on: a wait that is running ends when the new interval says so."""
        interval = checked_poll_interval(poll_interval)
        self._workers.known(task_name, domain).set_poll_interval(interval)

    def get_poll_interval_for_task(self, task_name: str, domain: str | None = None) -> float | None:
        """Seconds; None also where the runner chooses."""
        running = self._workers.find(task_name, domain)
        return running.worker.poll_interval if running else None

    def set_poll_timeout_for_task(
        self, task_name: str, poll_timeout: Duration | None, domain: str | None = None
    ) -> None:
        """Counts from the next poll on."""
        timeout = checked_poll_timeout(poll_timeout)
        self._workers.known(task_name, domain).worker.poll_timeout = timeout

    def get_poll_timeout_for_task(self, task_name: str, domain: str | None = None) -> float | None:
        """Seconds; None also where the runner chooses."""
        running = self._workers.find(task_name, domain)
        return running.worker.poll_timeout if running else None

    def pause(self, task_name: str | None = None, domain: str | None = None) -> None:
        """Poll no more until ``resume``; running tasks go on, those of a poll in flight are handed back.

        Without name and domain: all workers.
        """
        for running in self._workers.chosen(task_name, domain):
            running.capacity.pause()

    def resume(self, task_name: str | None = None, domain: str | None = None) -> None:
        """Without name and domain: all workers."""
        for running in self._workers.chosen(task_name, domain):
            running.capacity.resume()

    def shutdown(self, task_name: str | None = None, domain: str | None = None) -> None:
        """End a worker, or without name and domain all; returns at once. Repeating it changes nothing.

        It polls no more; running tasks get ``shutdown_timeout`` to finish; tasks of a poll in flight are handed back.
        ``wait_workers`` waits for the end, and closes what the runner has opened.
        """
        self._workers.shutdown(task_name, domain)

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
        return self._workers.wait(deadline, handle_signals)
