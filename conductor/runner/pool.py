"""An executor of the user's, threads or processes, that a worker's functions run in instead of the runner's threads."""

from __future__ import annotations

import importlib
import inspect
import logging
import math
import operator
import threading
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from copy import copy
from functools import partial
from typing import Any

import msgspec

from conductor._backoff import Backoff
from conductor.errors import ConductorError, ConfigurationError
from conductor.models import Task
from conductor.runner.execute import execute
from conductor.runner.process_pool import ProcessPool
from conductor.runner.slots import Flag
from conductor.task_result import Finished, Outcome, finish, hand_back, whole_seconds
from conductor.worker import Execute

logger = logging.getLogger(__name__)

Done = Callable[[Finished], None]

_tasks = msgspec.json.Decoder(Task)
_results = msgspec.json.Decoder(Finished)


class Pool:
    """The executor of one worker. Thread-safe.

    A factory's executor is the pool's own: replaced when it breaks, shut down by ``close``. Threads (whatever is no
    ProcessPoolExecutor) get the function and the task as they are. Into a process go a name and JSON, and JSON comes
    back, so that nothing that a server sent is ever unpickled; ``stopping`` and ``lost`` are never set in there.

    Making one raises ConfigurationError for what cannot work. With processes it starts one, which imports the function,
    and blocks until it has.
    """

    def __init__(
        self, task_name: str, execute: Execute, executor: Executor | Callable[[], Executor], worker_id: str
    ) -> None:
        if inspect.iscoroutinefunction(execute) or inspect.iscoroutinefunction(type(execute).__call__):
            raise ConfigurationError(f"{execute!r} is `async def`: it runs on the event loop, not in an executor")
        self._task_name = task_name
        self._execute = execute
        self._worker_id = worker_id
        self._make = None if isinstance(executor, Executor) else executor
        # Guards everything below. Not held while the executor is called or let go of: it has a lock, too, and may call
        # back with that held.
        self._lock = threading.Lock()
        self._executor = executor if isinstance(executor, Executor) else _made(executor)
        self._tasks: dict[Future[Any], tuple[Task, Done]] = {}
        self._broken_until = 0.0  # on the monotonic clock; 0: it works, infinity: it never will again
        self._backoff = Backoff()
        self._reference: tuple[str, str] | None = None
        if isinstance(self._executor, ProcessPoolExecutor):
            self._reference = self._checked_in_process()

    def _checked_in_process(self) -> tuple[str, str]:
        reference = _reference(self._execute)
        try:
            self._executor.submit(_check_in_process, *reference).result()
        except Exception as error:
            self.close()
            raise ConfigurationError(
                f"{'.'.join(reference)} cannot run in a process of the executor: {error}"
                ' (a script starts its workers under `if __name__ == "__main__":`)'
            ) from error
        return reference

    def run(self, task: Task, stopping: Flag, lost: Flag, done: Done) -> Future[Any]:
        """Start the task and return. RuntimeError: that is not possible now.

        done is called once, on whichever thread gets there, also this one: with what came out; with a FAILED result
        when the executor broke; or with one that hands the task back when it did not begin, since the executor broke or
        the future was cancelled. It must neither block nor raise.
        """
        executor = self._working_executor()
        try:
            if self._reference is None:
                future: Future[Any] = executor.submit(self._run_here, task, stopping, lost)
            else:
                content = msgspec.json.encode(task)
                future = executor.submit(_run_in_process, *self._reference, content, self._worker_id)
        except BrokenExecutor as error:  # while nothing ran in it
            self._broke(executor, error)
            raise
        except OSError as error:
            raise RuntimeError(f"there is no process to run it in: {error}") from error
        with self._lock:
            self._tasks[future] = task, done
        future.add_done_callback(partial(self._end, executor))
        return future

    def close(self) -> None:
        """Take no more tasks, and shut down an own executor, without waiting. Repeating it changes nothing.

        If tasks still run in the processes of a ``process_pool``, those are killed, for they would keep the interpreter
        from exiting; ``done`` is not called for them. Other executors finish what they have begun.
        """
        if self._make is None:
            return
        with self._lock:
            works, self._broken_until = not self._broken_until, math.inf
            executor = self._executor
            held_up = executor if isinstance(executor, ProcessPool) and self._tasks else None
            if held_up:
                self._tasks.clear()
        if works:
            executor.shutdown(wait=False, cancel_futures=True)
        if held_up:
            held_up.kill()

    def _run_here(self, task: Task, stopping: Flag, lost: Flag) -> Finished:
        return finish(task, execute(self._execute, copy(task), stopping, lost), self._worker_id)

    def _working_executor(self) -> Executor:
        """The executor, replaced if it broke and its pause is over. RuntimeError: not now."""
        with self._lock:
            if not self._broken_until:
                return self._executor
            if self._make is None or time.monotonic() < self._broken_until:
                raise RuntimeError("the executor broke")
            try:
                # The broken one is let go of at the return, after the lock is.
                _broken, self._executor = self._executor, _made(self._make)
            except ConfigurationError as error:
                self._broken_until = time.monotonic() + self._backoff.next()
                raise RuntimeError(str(error)) from error
            self._broken_until = 0.0
            return self._executor

    def _broke(self, executor: Executor, error: BrokenExecutor) -> None:
        """Whoever notices first makes an end of it, and hands back what it had not begun. (Python 3.11 forgets of those
        what it finds behind a cancelled one.)
        """
        with self._lock:
            if executor is not self._executor or self._broken_until:
                return
            self._broken_until = math.inf if self._make is None else time.monotonic() + self._backoff.next()
            waiting = [future for future in self._tasks if not future.running() and not future.done()]
            not_begun = [self._tasks.pop(future) for future in waiting]
        if isinstance(executor, ProcessPool) and (exit_codes := executor.kill()):
            error.add_note(f"Exit codes of its processes: {exit_codes}")
        logger.error("%s: its executor broke: %s", self._task_name, error, exc_info=error)
        for task, done in not_begun:
            done(self._handed_back(task))

    def _end(self, executor: Executor, future: Future[Any]) -> None:
        error = None if future.cancelled() else future.exception()
        if isinstance(error, BrokenExecutor):
            self._broke(executor, error)
        with self._lock:
            waiting_for_it = self._tasks.pop(future, None)
            if error is None and not future.cancelled():
                self._backoff.reset()
        if waiting_for_it:
            task, done = waiting_for_it
            done(self._handed_back(task) if future.cancelled() else self._finished(task, future))

    def _finished(self, task: Task, future: Future[Any]) -> Finished:
        try:
            return _received(future.result())
        except BaseException as error:  # noqa: BLE001 - whatever the executor did to it
            return finish(task, Outcome(error=error), self._worker_id)

    def _handed_back(self, task: Task) -> Finished:
        return finish(task, Outcome(hand_back(task)), self._worker_id)


def _received(value: Finished | bytes) -> Finished:
    if isinstance(value, Finished):
        return value
    finished = _results.decode(value)
    finished.result.callback_after_seconds = whole_seconds(finished.result.callback_after_seconds)  # reads as float
    return finished


def _made(make: Callable[[], Executor]) -> Executor:
    expected = "executor must be an Executor or a callable that makes one"
    try:
        executor = make()
    except Exception as error:
        raise ConfigurationError(f"{expected}; {make!r} raised {type(error).__name__}: {error}") from error
    if not isinstance(executor, Executor):
        raise ConfigurationError(f"{expected}; {make!r} made {executor!r}")
    return executor


def _reference(execute: Execute) -> tuple[str, str]:
    """Module and qualified name, by which a process finds the function."""
    module, name = getattr(execute, "__module__", ""), getattr(execute, "__qualname__", "")
    try:
        found = _found(module, name)
    except ConductorError:
        found = None
    if found is not execute:
        raise ConfigurationError(
            f"to run in a process, execute must stand at the top of a module; {execute!r} does not"
        )
    return module, name


def _found(module: str, name: str) -> Execute:
    """ConductorError, which can be pickled, for whatever comes of the import."""
    try:
        found: Execute = operator.attrgetter(name)(importlib.import_module(module))
    except BaseException as error:
        raise ConductorError(f"{type(error).__name__}: {error}") from error
    return found


def _check_in_process(module: str, name: str) -> None:
    _found(module, name)


def _run_in_process(module: str, name: str, content: bytes, worker_id: str) -> bytes:
    function, task = _found(module, name), _tasks.decode(content)
    return msgspec.json.encode(finish(task, execute(function, copy(task), Flag(), Flag()), worker_id))
