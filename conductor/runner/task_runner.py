"""TaskRunner: the public class. It checks the arguments and passes them on to the workers."""

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
from conductor.calling.process_pool import ProcessPool
from conductor.context import WorkerContext, current_task
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
    worker_id: the name of the poller that the server shows. None: the host name and the process id (``host-4711``).
    shutdown_timeout: the time that running tasks have to finish after ``shutdown``; seconds or timedelta.
    outbox: the path of a file that keeps each final result from its first attempt until the server accepts it. Results
        that are left there, for instance after ``kill -9``, are sent when the first worker starts, oldest first, if
        they are for this server. Processes may share the file. Without one, a result is lost with its process.
    on_result_lost: called with each TaskResult that will not be delivered, and with the last error. The result was
        refused, is not needed any more, or could not be sent in time. The call is made on a thread of the runner.

    A context manager. Leaving it shuts all workers down and waits for them. A task name and a domain together name a
    worker. If there is no such worker, a setter raises ConfigurationError, and a getter returns 0 or None.
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
            with closing(open_outbox(outbox, client)) as opened:  # fails here if it cannot be used
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
        """Start polling for a task type. Returns at once; with processes, when the first one has started.

        execute: called with the Task, on a thread of the worker, or awaited on the runner's event loop if it is an
            ``async def`` function. The result is made from its return value or exception: see TaskResult and
            NonRetryableError.
        batch_size: the number of tasks that may run at once.
        poll_interval: the wait after an empty poll, in seconds or as a timedelta. poll_timeout: the time that a poll
            may wait at the server, at most 5 s. None lets the runner choose: each poll waits up to 1 s at the server.
        lease_extension: keep a task from timing out at the server (the responseTimeoutSeconds of its definition) until
            its final result is accepted.
        timeout: the longest time of one execution, in seconds or as a timedelta. After that the task is FAILED, its
            slot is free, and ``task_context().lost`` is set. A coroutine is cancelled. A process is killed and
            replaced. A thread that hangs stays until the process ends. A task that has not begun within its limit is
            handed back.
        executor: ``process_pool(4)`` runs a ``def`` function in four processes. Nothing else is accepted. None runs it
            on threads, as many as batch_size.

        A worker of the same task name and domain, or an argument that cannot work, is a ConfigurationError.
        """
        worker = Worker(
            task_name,
            execute,
            batch_size,
            poll_interval,
            domain=domain,
            poll_timeout=poll_timeout,
            lease_extension=lease_extension,
            timeout=timeout,
            executor=executor,
        )
        stopping = Flag()
        caller = make_caller(worker, self._setup.worker_id, WorkerContext(stopping))
        try:
            self._workers.start(worker.key, lambda resources: RunningWorker(worker, resources, caller, stopping))
        except BaseException:
            if caller is not None:
                caller.close()
            raise

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
        interval = checked_poll_interval(poll_interval)
        self._workers.known(task_name, domain).set_poll_interval(interval)

    def get_poll_interval_for_task(self, task_name: str, domain: str | None = None) -> float | None:
        """Seconds; None also where the runner chooses."""
        running = self._workers.find(task_name, domain)
        return running.worker.poll_interval if running else None

    def set_poll_timeout_for_task(
        self, task_name: str, poll_timeout: Duration | None, domain: str | None = None
    ) -> None:
        """Set the time that a poll may wait at the server, from the next poll on."""
        timeout = checked_poll_timeout(poll_timeout)
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

    def wait_workers(self, timeout: Duration | None = None, handle_signals: bool = True) -> bool:
        """Block until all workers have ended. A worker function must not call it.

        Returns True if all workers have ended and no work was left behind, also if there are none. Returns False if
        the timeout has passed (the workers continue), or if work was left behind at the end of ``shutdown_timeout`` or
        at a second signal. The log names such tasks; they are delivered again when their leases end. A result that was
        given up since the first worker started counts as left behind too. Scripts end with
        ``sys.exit(not runner.wait_workers())``.

        handle_signals: on the main thread, SIGINT and SIGTERM shut all workers down, and a second signal makes this
            method return at once. The previous handlers are restored. The signals reach all runners of the process, so
            wait for each of them.
        """
        if current_task() is not None or inside_on_result_lost():
            raise ConductorError("a worker function, or on_result_lost, must not wait for the workers to end")
        deadline = math.inf if timeout is None else time.monotonic() + seconds("timeout", timeout)
        return self._workers.wait(deadline, handle_signals)
