"""TaskRunner: the public class. It checks the arguments and passes them on to the workers."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from conductor._arguments import Duration, function_name, is_async, seconds
from conductor._clock import MonotonicClock
from conductor._runners import require_no_import
from conductor.calling.event_loop import checked_event_loop, is_running_here
from conductor.calling.process_pool import ProcessPool
from conductor.context import current_task
from conductor.definitions import Readable
from conductor.delivery.context import OnResultLost
from conductor.delivery.results_in_hand import inside_on_result_lost
from conductor.errors import ConductorError, ConfigurationError
from conductor.hooks.interception import Interceptors
from conductor.hooks.interceptor import Interceptor
from conductor.models import TaskDef
from conductor.payloads import PayloadStorage
from conductor.runner.check import Problem
from conductor.runner.definitions import Definitions
from conductor.runner.given_workers import Startable, workers_in
from conductor.runner.lifespan import LifespanMaker, Lifespans
from conductor.runner.resources import Setup, usable_outbox
from conductor.runner.runner_log import RunnerLog
from conductor.runner.signals import signals_into
from conductor.runner.worker_controls import WorkerControls
from conductor.runner.workers import Workers
from conductor.task_client import HttpTaskClient, TaskClient
from conductor.transport import ApiClient
from conductor.worker import Execute, Worker
from conductor.worker_settings import RunnerSettings, Setting, with_environment

if TYPE_CHECKING:
    import asyncio


class TaskRunner(WorkerControls):
    """Polls tasks from a Conductor server and runs worker functions for them. Thread-safe.

    api_client: None makes one from the environment, which the runner then also closes. (Tests may give a TaskClient.)
    worker_id: the name of the poller that the server shows. None: CONDUCTOR_WORKER_ID, else the host name and the
        process id (``host-4711``).
    shutdown_timeout: the time that running tasks have to finish after ``shutdown``; seconds or timedelta. None:
        CONDUCTOR_WORKER_SHUTDOWN_TIMEOUT, else 30 s.
    interceptors: code around polls, executions and updates, the outermost first: see Interceptor.
    lifespan: an async or plain context manager, or a function without parameters that makes one, as in ASGI frameworks.
        It is entered before the first poll of the first worker, and left when the last result was sent. Its value is
        ``task_context().state``. An async one is entered and left on the runner's event loop, a plain one on a thread
        of its own. ``async with``, or else the first ``start_worker``, enters it and raises the error of entering.
        Leaving has the rest of shutdown_timeout, at least a second; its error is logged. A new start enters it again,
        for which a function is needed.
    outbox: the path of a file that keeps each final result from its first attempt until the server accepts it. Results
        that are left there, for instance after ``kill -9``, are sent when the first worker starts, oldest first, if
        they are for this server. Processes may share the file. None: CONDUCTOR_WORKER_OUTBOX. Without an outbox, a
        result is lost with its process.
    on_result_lost: called with each TaskResult that will not be delivered, and with the last error. The result was
        refused, is not needed any more, or could not be sent in time. The call is made on a thread of the runner.
    event_loop: the loop that runs ``async def`` functions, usually ``asyncio.get_running_loop()``, so that they can use
        its locks, futures and connection pools. The program keeps it running until the workers have ended. None: a
        loop of the runner's own, on a thread.

    A context manager. Leaving it shuts all workers down and waits for them. ``async with`` does so without blocking the
    event loop: if its block is cancelled, running tasks still finish; a second cancellation ends the wait within two
    seconds.

    A task name and a domain together name a worker. If there is no such worker, a setter raises ConfigurationError, and
    a getter returns 0 or None.
    """

    def __init__(
        self,
        api_client: ApiClient | TaskClient | None = None,
        *,
        worker_id: str | None = None,
        shutdown_timeout: Duration | None = None,
        interceptors: Sequence[Interceptor] = (),
        lifespan: LifespanMaker | None = None,
        outbox: str | os.PathLike[str] | None = None,
        on_result_lost: OnResultLost | None = None,
        event_loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._given = RunnerSettings(worker_id, shutdown_timeout, outbox)
        if not isinstance(api_client, TaskClient | ApiClient | None):
            raise ConfigurationError(f"api_client must be an ApiClient, not {type(api_client).__name__}")
        if on_result_lost is not None and (not callable(on_result_lost) or is_async(on_result_lost)):
            raise ConfigurationError(f"on_result_lost must be callable, and not async: {function_name(on_result_lost)}")
        event_loop = None if event_loop is None else checked_event_loop(event_loop)
        own_client = None
        if api_client is None:
            api_client = own_client = ApiClient()
        client = HttpTaskClient(api_client) if isinstance(api_client, ApiClient) else api_client
        clock = MonotonicClock()
        definitions = Definitions(api_client, clock) if isinstance(api_client, ApiClient) else None
        self._setup = Setup(
            client=client,
            own_client=own_client,
            worker_id=self._given.worker_id,
            shutdown_timeout=self._given.shutdown_timeout,
            outbox_path=usable_outbox(self._given, client),
            on_result_lost=on_result_lost,
            interceptors=Interceptors(interceptors),
            lifespans=None if lifespan is None else Lifespans(lifespan, clock),
            clock=clock,
            log=RunnerLog(client.server, self._given.worker_id, definitions),
            definitions=definitions,
            payloads=PayloadStorage(api_client) if isinstance(api_client, ApiClient) else None,
            event_loop=event_loop,
        )
        super().__init__(Workers(self._setup), self._setup.health)

    def __enter__(self) -> Self:
        self._require_other_thread()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.shutdown()
        self.wait_workers()

    async def __aenter__(self) -> Self:
        if self._setup.lifespans is not None:
            from conductor.runner import async_wait  # noqa: PLC0415 - not every program needs asyncio

            await async_wait.enter_lifespan(self._workers)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        from conductor.runner import async_wait  # noqa: PLC0415 - not every program needs asyncio

        await async_wait.drain(self._workers, error)

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
        paused: bool = False,
        task_def: TaskDef | Readable | None = None,
        register: bool = False,
        overwrite: bool = False,
        register_schemas: bool = False,
    ) -> None:
        """Start polling for a task type. Returns at once; with processes, when the first one has started.

        The first call waits until the lifespan is entered, and raises its error.

        execute: called on a thread of the worker, or awaited on the runner's event loop if it is an ``async def``
            function. It gets the Task, or typed values from the task's input, as its signature says
            (docs/typed-input.md). The result is made from its return value or exception: see TaskResult and
            NonRetryableError.
        batch_size: the number of tasks that may run at once.
        poll_interval: the wait after an empty poll, in seconds or as a timedelta. poll_timeout: the time that a poll
            may wait at the server, at most 5 s. None lets the runner choose it: no wait after an empty poll, and up to
            1 s at the server.
        lease_extension: keep a task from timing out at the server (the responseTimeoutSeconds of its definition) until
            its final result is accepted.
        timeout: the longest time of one execution, in seconds or as a timedelta. After that the task is FAILED, its
            slot is free, and ``task_context().lost`` is set. A coroutine is cancelled. A process is killed and
            replaced. A thread that hangs stays until the process ends. A task that has not begun within its limit is
            handed back.
        executor: ``process_pool(4)`` runs a ``def`` function in four processes. Nothing else is accepted. None runs it
            on threads, as many as batch_size.
        paused: the worker does not poll before ``resume``.
        task_def: the task definition that the worker expects: a TaskDef, a mapping as on the wire, JSON or the path of
            JSON. Differences to the server's are logged. Its name may be left out, except in a TaskDef.
        register: send task_def before the first poll if the server has no definition of that name. A server that
            cannot be reached is asked again for 10 s before the first poll, and then beside the polls.
        overwrite: with register, replace the definition that the server has. register_schemas: with register, add the
            JSON Schemas of ``input_schema(execute)`` and ``output_schema(execute)`` to task_def.

        The variable CONDUCTOR_WORKER_<TASK>_<PROPERTY>, else CONDUCTOR_WORKER_ALL_<PROPERTY>, comes before an argument.
        The properties are BATCH_SIZE, DOMAIN, POLL_INTERVAL, POLL_TIMEOUT, LEASE_EXTENSION, TIMEOUT and PAUSED. A
        worker of the same task name and domain, or a setting that cannot work, is a ConfigurationError.
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
            paused=paused,
            task_def=task_def,
            register=register,
            overwrite=overwrite,
            register_schemas=register_schemas,
        )
        self._start([worker])

    def start_workers(self, *workers: Startable) -> None:
        """Start several workers, all or none. Returns as ``start_worker`` does.

        workers: ``Worker`` objects, functions decorated with ``worker_task``, modules, and lists or other iterables of
            these. A module stands for its Worker objects, also imported ones, and for the decorated functions that are
            defined in it or, if it is a package, in its modules. Functions that are imported from elsewhere are not
            started.

        ConfigurationError: no worker is given, a module has none, two workers have the same task name and domain, such
        a worker is running already, or a worker's ``executor`` or a variable cannot work. No worker is started then.
        Later changes of a Worker object change no started worker.
        """
        self._start(workers_in(workers))

    def settings(self) -> list[Setting]:
        """The settings of the runner, then those with which each running worker was started, with their origins.

        ``for setting in runner.settings(): print(setting)`` shows them. They hold no secrets.
        """
        of_workers = [setting for running in self._workers.active() for setting in running.settings]
        return [*self._given.in_force, *of_workers]

    def check(self, *workers: Startable) -> list[Problem]:
        """Compare the task definitions of the server with the workers. Blocks for one request per task type.

        workers: as for ``start_workers``. They are not started yet, so the definitions that they will register count.
            Without arguments: the workers that run now.

        Found are missing definitions, time limits that do not fit to each other or to a worker's ``timeout``, a lease
        of an hour, and differences to a worker's ``task_def``. An empty list: all is well. ConductorError: the server
        cannot be asked.
        """
        definitions = self._setup.definitions
        if definitions is None:
            raise ConfigurationError("check needs a runner with an ApiClient, not with another TaskClient")
        if workers:
            return definitions.check([with_environment(worker) for worker in workers_in(workers)], before_start=True)
        return definitions.check([running.worker for running in self._workers.active()], before_start=False)

    def _start(self, workers: list[Worker]) -> None:
        require_no_import()
        self._workers.start([with_environment(worker) for worker in workers])

    def wait_workers(self, timeout: Duration | None = None, handle_signals: bool = True) -> bool:
        """Block until all workers have ended. A worker function must not call it.

        Returns True if all workers have ended and no work was left behind, also if there are none. Returns False if
        the timeout has passed (the workers continue), or if work was left behind at the end of ``shutdown_timeout`` or
        at a second signal. The log names such tasks; they are delivered again when their leases end. A result that was
        given up since the first worker started counts as left behind too, and so does a lifespan that could not be left
        in time. Scripts end with
        ``sys.exit(not runner.wait_workers())``. On the thread of the ``event_loop`` it raises ConductorError.

        handle_signals: on the main thread, SIGINT and SIGTERM shut all workers down, and a second signal makes this
            method return at once. The previous handlers are restored. The signals reach all runners of the process, so
            wait for each of them.
        """
        deadline = _deadline(timeout)
        self._require_other_thread()
        with self._workers.waiters.events() as events, signals_into(events, handle_signals):
            return self._workers.wait(deadline, events)

    async def wait(self, timeout: Duration | None = None, handle_signals: bool = True) -> bool:  # noqa: ASYNC109 - as in wait_workers
        """``wait_workers`` for a coroutine: the same results, and the event loop goes on.

        Cancelling it ends the waiting; the workers continue. handle_signals: as for ``wait_workers``. Meanwhile Ctrl-C
        does not cancel the main task of ``asyncio.run``. Handlers that were set with ``loop.add_signal_handler`` are
        called too.
        """
        from conductor.runner import async_wait  # noqa: PLC0415 - not every program needs asyncio

        deadline = _deadline(timeout)
        return await async_wait.wait(self._workers, deadline, handle_signals)

    def _require_other_thread(self) -> None:
        """ConductorError if blocking this thread would block the functions of the workers."""
        if self._setup.event_loop is not None and is_running_here(self._setup.event_loop):
            raise ConductorError(
                "this would block the event loop of the worker functions: use `async with` and `await runner.wait()`"
            )


def _deadline(timeout: Duration | None) -> float:
    """On the monotonic clock."""
    if current_task() is not None or inside_on_result_lost():
        raise ConductorError("a worker function, or on_result_lost, must not wait for the workers to end")
    return math.inf if timeout is None else time.monotonic() + seconds("timeout", timeout)
