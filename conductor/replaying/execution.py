"""Calls the function of a worker once, on the main thread of this process, so that a debugger can stop in it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from conductor._clock import MonotonicClock
from conductor._flag import Flag
from conductor.calling.event_loop import EventLoop
from conductor.calling.execute import execute, execute_async
from conductor.context import RunnerState, TaskContext, WorkerContext
from conductor.errors import ConductorError
from conductor.hooks.interception import Interceptors
from conductor.models import Task
from conductor.runner.lifespan import LifespanMaker, Lifespans
from conductor.task_result import CallOutcome
from conductor.worker import Worker

LONGEST_LEAVING = 30.0
"""Seconds that a lifespan may take to be left."""


class Execution:
    """The execution of a task by a worker's function. ConfigurationError: the lifespan or an interceptor cannot work.

    worker: its time limit is not watched, because a debugger may hold the function. A function for a process pool runs
        in this process, after the initializer of the pool.
    lifespan: as for ``TaskRunner(lifespan=…)``.
    interceptors: of the runner, called around the function. The one around a pool's function gets its value, as a
        TaskResult exists only where the function runs in another process.
    """

    def __init__(self, worker: Worker, lifespan: LifespanMaker | None, interceptors: Interceptors) -> None:
        self._worker = worker
        around = interceptors.around_async if worker.is_async else interceptors.around
        self._function = around(worker.bound)
        self._clock = MonotonicClock()
        self._lifespans = None if lifespan is None else Lifespans(lifespan, self._clock)

    def run(self, task: Task) -> CallOutcome:
        """Block until the function has ended. ConductorError: the lifespan or the initializer has failed."""
        pool = self._worker.executor
        if pool is not None and pool.initializer is not None:
            with _named("the initializer of the process pool"):
                pool.initializer(*pool.initargs)
        if self._worker.is_async:
            return asyncio.run(self._run_async(task))
        event_loop = EventLoop("conductor-replay")
        try:
            self._enter_lifespan(event_loop)
            return execute(self._function, self._context(task))
        finally:
            self._leave_lifespan()
            event_loop.close()

    async def _run_async(self, task: Task) -> CallOutcome:
        event_loop = EventLoop("conductor-replay", asyncio.get_running_loop())
        try:
            await asyncio.to_thread(self._enter_lifespan, event_loop)
            # A coroutine of its own, because execute_async sets the context of the coroutine that it runs in.
            return await asyncio.create_task(execute_async(self._function, self._context(task)))
        finally:
            await asyncio.to_thread(self._leave_lifespan)
            event_loop.close()

    def _context(self, task: Task) -> TaskContext:
        """Made when the function begins, because its deadline counts from then on."""
        worker, state = self._worker, RunnerState("the replay was given no lifespan")
        shared = WorkerContext(
            Flag(),
            worker_id=task.worker_id or "",
            timeout=worker.timeout,
            lease_extension=worker.lease_extension,
            clock=self._clock,
            state=state if self._lifespans is None else self._lifespans.state,
        )
        return TaskContext(task, Flag(), shared, self._clock.now())

    def _enter_lifespan(self, event_loop: EventLoop) -> None:
        if self._lifespans is not None:
            with _named("the lifespan"):
                self._lifespans.enter(event_loop, on_end=Flag().set)

    def _leave_lifespan(self) -> None:
        entered = None if self._lifespans is None else self._lifespans.entered
        if entered is not None:
            entered.leave(self._clock.now() + LONGEST_LEAVING)
            if not entered.wait_ended(LONGEST_LEAVING):
                entered.give_up()


@contextmanager
def _named(what: str) -> Iterator[None]:
    """Raise the errors of the user's code as a ConductorError that says whose they are."""
    try:
        yield
    except ConductorError:
        raise
    except (Exception, SystemExit) as error:
        raise ConductorError(f"{what} failed: {type(error).__name__}: {error}") from error
