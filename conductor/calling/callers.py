"""Calls a worker's function for the thread of a slot.

==========================  =======================================  ====================================
the worker                  its function runs                        meanwhile its slot is
==========================  =======================================  ====================================
``def``                     on the slot's own thread                 that thread, in the function
``executor=process_pool``   in a process                             a thread that waits for that process
``async def``               on the runner's event loop               no thread: see runner/coroutine_slots
==========================  =======================================  ====================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from conductor import _recording
from conductor._arguments import function_name
from conductor._notes import NOTHING, FinalNotes
from conductor.calling.around_process import call_around_process
from conductor.calling.call import Call, NotBegunError, ProcessDiedError
from conductor.calling.execute import execute
from conductor.calling.process_pool import ProcessPool
from conductor.context import TaskContext, WorkerContext
from conductor.errors import ConfigurationError
from conductor.hooks.interception import Interceptors
from conductor.task_result import CallOutcome, PreparedResult, at_most_ten
from conductor.worker import Worker

if TYPE_CHECKING:
    from conductor.calling.processes import Around, Processes

C = TypeVar("C", bound=Call)


class Caller(Protocol):
    """Calls a worker's function. Thread-safe.

    fate_of_hung_function: a text for the log when a time limit has passed.
    """

    @property
    def fate_of_hung_function(self) -> str: ...

    def call(self, call: C, begin: Callable[[C], bool]) -> CallOutcome | PreparedResult:
        """Block until the function has ended. ``begin`` is called just before it, and returns whether it may run.

        NotBegunError: the function has not begun. KilledError: ``close`` has killed it.
        """
        ...

    def give_up(self, call: Call) -> None:
        """The time limit has passed. The end of the function is not needed any more."""
        ...

    def troubles(self) -> Sequence[tuple[str, datetime | None]]:
        """The reasons why functions cannot be called, as parts of sentences, each with its begin if that is known."""
        ...

    def close(self) -> None:
        """Call no more functions. Running functions continue, unless they would keep this process from ending."""
        ...


class OnThisThread:
    """Calls the function on the caller's thread."""

    fate_of_hung_function = "its thread is lost"

    def __init__(self, worker: Worker, shared: WorkerContext, interceptors: Interceptors) -> None:
        self._task_name = worker.task_name
        self._function = interceptors.around(worker.bound)
        self._shared = shared

    def call(self, call: C, begin: Callable[[C], bool]) -> CallOutcome:
        if not begin(call):
            raise NotBegunError
        call.context = TaskContext(call.task, call.lost, self._shared, call.received)
        return execute(self._function, call.context)

    def give_up(self, call: Call) -> None:  # noqa: ARG002 - the protocol's
        """Count the thread as lost, because a thread cannot be ended."""
        _recording.threads_lost.count(self._task_name)

    def troubles(self) -> Sequence[tuple[str, datetime | None]]:
        return ()

    def close(self) -> None:
        """Does nothing, because the threads belong to the slots."""


class InProcess:
    """Calls the function in one of the worker's processes.

    A task that waits for a free process longer than the worker's time limit is handed back.
    """

    fate_of_hung_function = "its process is killed"

    def __init__(self, worker: Worker, processes: Processes, shared: WorkerContext, around: Around | None) -> None:
        self._longest_wait = worker.timeout
        self._processes = processes
        self._shared = shared
        self._around = around

    def call(self, call: C, begin: Callable[[C], bool]) -> CallOutcome | PreparedResult:
        try:
            finished = self._processes.call(call, partial(self._begin, call, begin), self._longest_wait, self._around)
        except ProcessDiedError as error:
            final = _end(call)
            # Without its frames: they tell nothing of the function, and a log record would keep the process's pipes.
            return CallOutcome(
                None, error.with_traceback(None), final.lines, output=final.output, seconds=error.seconds
            )
        if lines := _end(call).lines:
            finished.result.logs = at_most_ten([*lines, *finished.result.logs])
        return finished

    def give_up(self, call: Call) -> None:
        self._processes.kill(call.task.task_id)

    def troubles(self) -> Sequence[tuple[str, datetime | None]]:
        return self._processes.troubles()

    def close(self) -> None:
        self._processes.close()

    def _begin(self, call: C, begin: Callable[[C], bool]) -> bool:
        """In this process, the context has a copy of the notes that the function makes in the other one."""
        if not begin(call):
            return False
        call.context = TaskContext(call.task, call.lost, self._shared, call.received)
        return True


def _end(call: Call) -> FinalNotes:
    return NOTHING if call.context is None else call.context.end()


def make_caller(worker: Worker, shared: WorkerContext, interceptors: Interceptors) -> Caller | None:
    """Make the caller of a worker. None for an ``async def`` function, because the event loop runs it.

    ConfigurationError: the ``executor`` or an interceptor cannot work. With processes this blocks until one of them
    has found the function.
    """
    if worker.executor is None:
        return None if worker.is_async else OnThisThread(worker, shared, interceptors)
    if not isinstance(worker.executor, ProcessPool):
        raise ConfigurationError(
            f"executor must be made by process_pool(…), not {worker.executor!r}: batch_size sets the number of threads"
        )
    if worker.is_async:
        raise ConfigurationError(
            f"{function_name(worker.execute)} is `async def`: it runs on the event loop, and takes no executor"
        )
    from conductor.calling.processes import Processes  # noqa: PLC0415 - not every worker needs multiprocessing

    of_worker = worker.execute, worker.task_name, shared.worker_id, shared.stopping
    methods = interceptors.executes()
    processes = Processes(worker.executor, *of_worker, largest_output=shared.largest_output)
    around = partial(call_around_process, methods, shared) if methods else None
    return InProcess(worker, processes, shared, around)
