"""Test a worker without a server: its function alone, or a runner with a client that the test controls."""

from __future__ import annotations

import asyncio
import copy
import itertools
import math
import threading
from collections import Counter, defaultdict, deque
from typing import Any

from conductor import _stopping
from conductor._arguments import Duration, seconds
from conductor._clock import MonotonicClock
from conductor._flag import Flag
from conductor._output import output_data
from conductor._redaction import kind_of
from conductor.calling.execute import execute as call, execute_async
from conductor.context import RunnerState, TaskContext, WorkerContext
from conductor.errors import ConductorError, ConfigurationError, NotFoundError
from conductor.models import Task, TaskResultStatus, TaskStatus
from conductor.task_client import Delivery
from conductor.task_result import CallOutcome, TaskResult, prepare_result
from conductor.worker import Execute, Worker

WORKER_ID = "test-worker"

NO_STATE = object()
"""The value of ``state=`` without a lifespan."""

_END_A_TASK_ALONE = (Exception, SystemExit, GeneratorExit, asyncio.CancelledError)
"""A function may raise these without an end of the test: not Ctrl-C, and not ``pytest.fail`` or a limit of time."""


def make_task(input_data: Any = None, **members: Any) -> Task:
    """A task as a worker gets it. members: of the task, with their names in snake_case, such as ``retry_count=2``."""
    ids: dict[str, Any] = {
        "task_id": "task-1",
        "workflow_instance_id": "workflow-1",
        "poll_count": 1,
        "response_timeout_seconds": 3600,
    }
    for name in members:
        if name not in Task.__struct_fields__:
            raise ConfigurationError(f"a task has no member {name!r}. Give inputs as one mapping: {{{name!r}: …}}")
    if isinstance(input_data, str | bytes | int | float | list | set | frozenset):
        raise ConfigurationError(f"input_data must be a mapping, or an object with fields, not {kind_of(input_data)}")
    return Task(**(ids | members), input_data=output_data(input_data, "input_data")[0])


def run_worker(execute: Execute, input_data: Any = None, *, state: Any = NO_STATE, **members: Any) -> TaskResult:
    """Run a worker function once, on this thread, as a runner would. Returns the result that would be sent.

    execute: a ``def`` or ``async def`` function. In a program with a running event loop, use ``await arun_worker(…)``
        for an ``async def`` function. The function is checked as ``start_worker`` checks it.
    input_data: the input of the task: a mapping, a dataclass, a struct and so on. It goes through JSON, as with a
        server: a Decimal, a date or a tuple arrives in its JSON form.
    state: the value of ``task_context().state``, in place of a lifespan's value.
    members: further members of the task, such as ``retry_count=2``. ``conductor-worker replay --save`` writes the input
        and the members of a task that has run to a file: ``run_worker(charge, **case)``.

    An exception of the function becomes the status and the reason of the result. Ctrl-C and what ends a test, such as
    ``pytest.fail``, are raised. ConfigurationError: no server could send the input, or no worker can be made of the
    function.
    """
    worker, task = Worker("test", execute), make_task(input_data, **members)
    if not worker.is_async:
        return _result(task, call(worker.bound, _context(task, state)))
    if loop_runs():
        raise ConfigurationError("an event loop runs on this thread: `await arun_worker(...)` instead of run_worker")
    return asyncio.run(_awaited(worker, task, state))


async def arun_worker(execute: Execute, input_data: Any = None, *, state: Any = NO_STATE, **members: Any) -> TaskResult:
    """``run_worker`` for tests that are coroutines. A ``def`` function runs on a thread of its own."""
    worker, task = Worker("test", execute), make_task(input_data, **members)
    if worker.is_async:
        return await asyncio.create_task(_awaited(worker, task, state))  # a task has a context of its own
    return _result(task, await asyncio.to_thread(call, worker.bound, _context(task, state)))


async def _awaited(worker: Worker, task: Task, state: Any) -> TaskResult:
    outcome = await execute_async(worker.bound, _context(task, state))
    this = asyncio.current_task()
    if this is not None and this.cancelling():  # by Ctrl-C or by the test; the outcome may hold the CancelledError
        raise asyncio.CancelledError
    return _result(task, outcome)


def _result(task: Task, outcome: CallOutcome) -> TaskResult:
    """The result that a runner would send. Raises an error that does not end the task alone."""
    error = outcome.error
    if error is not None and not isinstance(error, _END_A_TASK_ALONE):
        raise error
    return prepare_result(task, outcome, WORKER_ID).result


def _context(task: Task, state: Any) -> TaskContext:
    clock = MonotonicClock()
    of_runner = RunnerState("the test gives it: run_worker(…, state=…)")
    if state is not NO_STATE:
        of_runner.set(state)
    shared = WorkerContext(Flag(), worker_id=WORKER_ID, clock=clock, state=of_runner)
    return TaskContext(task, Flag(), shared, clock.now())


def loop_runs() -> bool:
    """Whether an event loop runs on this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class FakeTaskClient:
    """A TaskClient without a server, for ``TaskRunner(FakeTaskClient())``. Thread-safe.

    ``add_task`` gives it a task, and ``results`` waits for the results. A task whose result is IN_PROGRESS is queued
    again at once, also if it has a callback time, with its new output and poll_count + 1. Leases do not end.

    extensions: the number of lease extensions, by task id.
    logs: the entries that were sent while functions ran, by task id. The other entries are in the results.
    """

    server = "fake"

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._changed = threading.Condition()  # guards everything below
        self._queues: defaultdict[tuple[str, str | None], deque[Task]] = defaultdict(deque)
        self._tasks: dict[str, Task] = {}
        self._results: list[TaskResult] = []
        self._failures: deque[ConductorError] = deque()
        self.extensions: Counter[str] = Counter()
        self.logs: defaultdict[str, list[str]] = defaultdict(list)

    def add_task(self, task_name: str, input_data: Any = None, *, domain: str | None = None, **members: Any) -> str:
        """Queue a task. Returns its id. input_data, members: as for ``run_worker``."""
        number = next(self._ids)
        ids: dict[str, Any] = {
            "task_id": f"task-{number}",
            "workflow_instance_id": f"workflow-{number}",
            "poll_count": 0,
        }
        task = make_task(input_data, **(ids | {"task_def_name": task_name, "domain": domain} | members))
        with self._changed:
            self._tasks[task.task_id] = task
            self._queues[task_name, domain].append(task)
            self._changed.notify_all()
        return task.task_id

    def fail_next(self, error: ConductorError) -> None:
        """Raise the error at the next update, in place of accepting it."""
        with self._changed:
            self._failures.append(error)

    def results(self, count: int, timeout: Duration = 5.0) -> list[TaskResult]:
        """Wait for as many accepted results as ``count``. Returns all accepted results, in order.

        timeout: seconds or timedelta. TimeoutError: there are fewer results at its end.
        """
        longest = seconds("timeout", timeout)
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._results) >= count, longest):
                raise TimeoutError(f"{len(self._results)} of {count} results within {longest:g} s")
            return list(self._results)

    def batch_poll(self, task_name: str, worker_id: str, domain: str | None, count: int, timeout: float) -> Delivery:
        poller = worker_id, task_name, domain
        _stopping.listen(self._wake)
        try:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._queues[task_name, domain] or _stopping.is_stopping(poller), timeout
                )
                return self._pop((task_name, domain), worker_id, count)
        finally:
            _stopping.unlisten(self._wake)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def update(self, result: TaskResult, timeout: float = math.inf) -> None:  # noqa: ARG002 - the protocol's
        with self._changed:
            if self._failures:
                raise self._failures.popleft()
            self._results.append(result)
            task = self._tasks.get(result.task_id)
            if task is not None and result.status == TaskResultStatus.IN_PROGRESS:
                task.output_data = result.output_data
                task.status = TaskStatus.SCHEDULED
                self._queues[task.task_def_name, task.domain].append(task)
            elif task is not None:
                task.status = TaskStatus(result.status)
            self._changed.notify_all()

    def update_and_poll(self, result: TaskResult, timeout: float = math.inf) -> Delivery:
        self.update(result, timeout)
        with self._changed:
            task = self._tasks.get(result.task_id)
            if task is None or result.status == TaskResultStatus.IN_PROGRESS:
                return Delivery([], [])
            return self._pop((task.task_def_name, task.domain), result.worker_id, 1)

    def extend_lease(self, task: Task, worker_id: str, timeout: float) -> None:  # noqa: ARG002 - the protocol's
        with self._changed:
            self._known(task.task_id)
            self.extensions[task.task_id] += 1

    def add_log(self, task_id: str, text: str, timeout: float) -> None:  # noqa: ARG002 - the protocol's
        with self._changed:
            self.logs[task_id].append(text)

    def get_task(self, task_id: str) -> Task:
        with self._changed:
            return copy.copy(self._known(task_id))

    def _known(self, task_id: str) -> Task:
        if task_id not in self._tasks:
            message = f"No such task found by id: {task_id}"
            raise NotFoundError(404, "POST", "/tasks", message, conductor=True)
        return self._tasks[task_id]

    def _pop(self, key: tuple[str, str | None], worker_id: str, count: int) -> Delivery:
        queue = self._queues[key]
        tasks = [queue.popleft() for _ in range(min(count, len(queue)))]
        for task in tasks:
            task.poll_count += 1
            task.worker_id = worker_id
            task.status = TaskStatus.IN_PROGRESS
        return Delivery(tasks, [])
