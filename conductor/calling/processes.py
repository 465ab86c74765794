"""The processes of one worker: lent to one task at a time, and replaced when they die."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from functools import partial

import msgspec

from conductor._arguments import function_name
from conductor._flag import Flag
from conductor.calling.call import Call, KilledError, NotBegunError, ProcessDiedError
from conductor.calling.process import Process
from conductor.calling.process_lending import Lending
from conductor.calling.process_log import Levels
from conductor.calling.process_main import Duties, find
from conductor.calling.process_notes import RESULT, add_to_notes
from conductor.calling.process_place import Place
from conductor.calling.process_pool import ProcessPool
from conductor.errors import ConfigurationError
from conductor.models import Task
from conductor.task_result import LARGEST_OUTPUT, PreparedResult, whole_seconds
from conductor.worker import Execute

Around = Callable[[Call, Callable[[Task], PreparedResult]], PreparedResult]

_results = msgspec.json.Decoder(PreparedResult)


class Processes:
    """Thread-safe. Making it blocks until a first process can run the function; the others are started meanwhile.

    stopping: set when the worker shuts down; functions see it in ``task_context()``, as they see ``Call.lost``.
    largest_output: bytes of JSON. A larger output fails its task.

    Raises ConfigurationError if the function cannot run in a process, or the initializer fails.
    """

    def __init__(
        self,
        pool: ProcessPool,
        execute: Execute,
        task_name: str,
        worker_id: str,
        stopping: Flag,
        *,
        largest_output: int = LARGEST_OUTPUT,
    ) -> None:
        module, function = _place_of(execute)
        duties = Duties(module, function, task_name, worker_id, pool.initializer, pool.initargs, largest_output)
        self._stopping = stopping
        self._levels = Levels()
        self._lending = Lending(pool.max_tasks_per_child)
        self._places: list[Place] = []
        try:
            for _ in range(pool.size):
                self._places.append(Place(duties, self._lending, self._levels))
            problem = self._lending.wait_for_first()
        except BaseException:  # Ctrl-C, or the system has no thread left
            self.close()
            raise
        if problem:
            self.close()
            raise ConfigurationError(
                f"{module}.{function} cannot run in a process: {problem}"
                ' (a script starts its workers under `if __name__ == "__main__":`)'
            )
        stopping.listen(self._lending.tell_stopping)

    def call(
        self, call: Call, begin: Callable[[], bool], longest_wait: float | None = None, around: Around | None = None
    ) -> PreparedResult:
        """Run the function with the task. Blocks until a process is free, and then until the function has ended.

        The lines of the function's log are not in the result: they are in the notes of ``call.context``.

        begin is called just before the function begins, and returns whether it may. around: called in the place of the
        function with ``call`` and the function.

        Raises NotBegunError: no process was free within longest_wait seconds, begin returned False, ``close`` was
            called meanwhile, or the process ended before it had read the task (then after begin).
        Raises ProcessDiedError: the process ended by itself, or by ``kill``.
        Raises KilledError: ``close`` killed the process.
        """
        process = self._lending.lend(call.task.task_id, longest_wait)
        if process is None:
            raise NotBegunError
        try:
            if not begin():
                raise NotBegunError
            run = partial(self._run, process, call)
            return run(call.task) if around is None else around(call, run)
        finally:
            self._lending.take_back(process)

    def kill(self, task_id: str) -> None:
        """Kill the process that the task runs in, and start another in its place. Does not block."""
        self._lending.kill(task_id)

    def troubles(self) -> list[tuple[str, datetime | None]]:
        """The reasons why places have no process that works: see ``Place.trouble``."""
        return [trouble for place in self._places if (trouble := place.trouble()) is not None]

    def close(self) -> None:
        """Kill all processes, and wake up tasks that wait for one. Does not block; repeating it changes nothing."""
        self._stopping.unlisten(self._lending.tell_stopping)
        for place in self._places:
            place.close()

    def _run(self, process: Process, call: Call, task: Task) -> PreparedResult:
        context = call.context  # begin has set it
        seconds_left = None if context is None else context.seconds_left()
        process.send(msgspec.json.encode(task), seconds_left, self._levels.look(), is_stopping=bool(self._stopping))
        tell_lost = partial(process.tell_lost, process.number_of_tasks)
        started = time.perf_counter()
        call.lost.listen(tell_lost)
        try:
            for kind, content in process.answers():
                if context is not None and kind != RESULT:
                    add_to_notes(context, kind, content)
            finished = _results.decode(content)  # the last one is the result
        except ProcessDiedError as error:
            if self._lending.closed.is_set():
                raise KilledError from None
            error.seconds = time.perf_counter() - started
            raise
        finally:
            call.lost.unlisten(tell_lost)
        finished.result.callback_after_seconds = whole_seconds(finished.result.callback_after_seconds)  # reads as float
        return finished


def _place_of(execute: Execute) -> tuple[str, str]:
    """Module and qualified name, by which a process finds the function."""
    module, name = getattr(execute, "__module__", ""), getattr(execute, "__qualname__", "")
    try:
        found = find(module, name)
    except Exception:  # noqa: BLE001 - it is not where it says
        found = None
    if found is not execute:
        raise ConfigurationError(
            f"to run in a process, execute must stand at the top of a module; {function_name(execute)} does not"
        )
    return module, name
