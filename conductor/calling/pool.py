"""An executor of the user's, threads or processes, that a worker's functions run in instead of the runner's threads."""

from __future__ import annotations

import importlib
import math
import operator
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from conductor._arguments import is_async
from conductor._backoff import Backoff
from conductor._flag import Flag
from conductor._log import logger_of
from conductor.calling.execute import execute
from conductor.calling.process_pool import ProcessPool, end_forked_copy, interpreter_ends
from conductor.errors import ConductorError, ConfigurationError
from conductor.models import Task
from conductor.task_result import Finished, Outcome, finish, whole_seconds
from conductor.transport import Decoder
from conductor.worker import Execute

logger = logger_of(__name__)

Done = Callable[[Finished | None], None]

_NOT_BEGUN = object()
_tasks = Decoder(Task, whole=False)
_results = msgspec.json.Decoder(Finished)


@dataclass(eq=False)
class _Run:
    """A task in an executor. given_up: its time limit has passed, and nobody waits for its end."""

    executor: Executor
    task: Task
    done: Done
    given_up: bool = False


class Pool:
    """The executor of one worker. Thread-safe.

    A factory's executor is the pool's own: replaced when it breaks or a function hangs in it, shut down by ``close``.
    Threads (whatever is no ProcessPoolExecutor) get the function and the task as they are. Into a process go a name and
    JSON, and JSON comes back, so that nothing that a server sent is ever unpickled; ``stopping`` and ``lost`` are never
    set in there.

    Making one raises ConfigurationError for what cannot work. With processes it starts one, which imports the function,
    and blocks until it has.
    """

    def __init__(
        self, task_name: str, execute: Execute, executor: Executor | Callable[[], Executor], worker_id: str
    ) -> None:
        if is_async(execute):
            raise ConfigurationError(f"{execute!r} is `async def`: it runs on the event loop, not in an executor")
        self._task_name = task_name
        self._execute = execute
        self._worker_id = worker_id
        self._make = None if isinstance(executor, Executor) else executor
        self._making = threading.Lock()  # held, before the other, while an executor is made, so that only one is
        # Guards everything below. Not held while an executor is called or let go of: it has a lock, too, and may call
        # back with that held.
        self._lock = threading.Lock()
        self._runs: dict[Future[Any], _Run] = {}
        self._broken_until = 0.0  # on the monotonic clock; 0: it works, infinity: it never will again
        self._backoff = Backoff()
        self._reference: tuple[str, str] | None = None
        self._executor = executor if isinstance(executor, Executor) else _made(executor)
        if isinstance(self._executor, ProcessPoolExecutor):
            self._reference = _reference(execute)
        self._check(self._executor)

    @property
    def loss(self) -> str:
        """What becomes of the process of a function that hangs; empty: it is a thread, and lost."""
        if self._reference is None:
            return ""
        return "its process is lost" if self._make is None else "its process pool is replaced"

    def run(self, task: Task, stopping: Flag, lost: Flag, begin: Callable[[], bool], done: Done) -> Future[Any]:
        """Start the task and return. RuntimeError: that is not possible now.

        begin is called where the function is about to begin, if it runs in a thread, and tells whether it may; of a
        process nobody hears that, so there it is called at once. done is called once, after it, on whichever thread
        gets there, also this one: with what came out; with a FAILED result when the executor broke; with None when the
        task did not begin, since the executor broke or the future was cancelled. Both must neither block nor raise.
        """
        executor = self._working_executor()
        try:
            if self._reference is None:
                future: Future[Any] = executor.submit(self._run_here, task, stopping, lost, begin)
            else:
                content = msgspec.json.encode(task)
                future = executor.submit(_run_in_process, *self._reference, content, self._worker_id)
            if not isinstance(future, Future):
                raise TypeError(f"its submit returned {future!r}, which is no Future")
        except BrokenExecutor as error:  # while nothing ran in it
            self._broke(executor, error)
            raise
        except Exception as error:
            raise RuntimeError(f"its executor does not take it: {type(error).__name__}: {error}") from error
        if self._reference is not None and not begin():
            future.cancel()
        with self._lock:
            self._runs[future] = _Run(executor, task, done)
        future.add_done_callback(partial(self._end, executor))
        return future

    def give_up(self, future: Future[Any]) -> None:
        """Its time limit has passed: no other task shall wait behind it. A given executor cannot be helped.

        An own one gets no more tasks, hands back what it has not begun, and finishes the others. Those processes of a
        ``process_pool`` are killed when only functions that hang are left in them.
        """
        with self._lock:
            run = self._runs.get(future)
            if run is None or self._make is None:
                return
            run.given_up = True
            works = run.executor is self._executor and not self._broken_until
            if works:
                self._broken_until = time.monotonic()
        if works:
            _shut_down(run.executor)
        self._kill_what_hangs(run.executor)

    def close(self) -> list[str]:
        """Take no more tasks, and shut down an own executor, without waiting. Repeating it changes nothing.

        If tasks still run in the processes of a ``process_pool``, those are killed, for they would keep the interpreter
        from exiting; ``done`` is not called for them, their ids are returned. Other executors finish what they have
        begun: that they keep the process from ending is logged.
        """
        with self._lock:
            if self._broken_until == math.inf:
                return []
            works, self._broken_until = self._make is not None and not self._broken_until, math.inf
            executor = self._executor
            used = {run.executor for run in self._runs.values()}
            held_up = {each for each in used if self._make is not None and isinstance(each, ProcessPool)}
            killed = [run.task.task_id for run in self._runs.values() if run.executor in held_up]
            self._runs = {future: run for future, run in self._runs.items() if run.executor not in held_up}
            left = [future for future, run in self._runs.items() if _holds_up_the_exit(run.executor)]
        if works:
            _shut_down(executor)
        for pool in held_up:
            pool.kill()
        if running := sum(future.running() for future in left):
            said = "%s: its executor still runs %d tasks, and the process cannot end before they do"
            logger.error(said, self._task_name, running)
        return killed

    def _run_here(self, task: Task, stopping: Flag, lost: Flag, begin: Callable[[], bool]) -> Finished | object:
        return finish(task, execute(self._execute, task, stopping, lost), self._worker_id) if begin() else _NOT_BEGUN

    def _check(self, executor: Executor) -> None:
        """ConfigurationError: it can run nothing, or no process finds the function. Blocks until one has looked."""
        if self._reference is None:
            # Not asked by a submit: that starts a thread, and an executor may count its tasks.
            if isinstance(executor, ThreadPoolExecutor) and executor._shutdown:  # noqa: SLF001 - as said
                raise ConfigurationError(f"executor {executor!r} can run nothing: it was shut down")
            if type(executor).submit is Executor.submit:
                raise ConfigurationError(f"executor {executor!r} can run nothing: it has no submit of its own")
            return
        try:
            executor.submit(_check_in_process, *self._reference).result()
        except Exception as error:
            if self._make is not None:
                _shut_down(executor)
            raise ConfigurationError(
                f"{'.'.join(self._reference)} cannot run in a process of the executor: {error}"
                ' (a script starts its workers under `if __name__ == "__main__":`)'
            ) from error

    def _working_executor(self) -> Executor:
        """The executor, replaced if it broke or was given up, and its pause is over. RuntimeError: not now.

        A new one is checked like the first: the time in which a process starts is none of its first task's.
        """
        with self._making:
            with self._lock:
                if not self._broken_until:
                    return self._executor
                if self._make is None or time.monotonic() < self._broken_until:
                    raise RuntimeError("the executor broke")
            try:
                made = _made(self._make)
                self._check(made)
            except ConfigurationError as error:
                with self._lock:
                    self._broken_until = max(self._broken_until, time.monotonic() + self._backoff.next())
                raise RuntimeError(str(error)) from error
            with self._lock:
                if self._broken_until < math.inf:
                    # The old one is let go of at the return, after the lock is.
                    _old, self._executor, self._broken_until = self._executor, made, 0.0
                    return made
        _shut_down(made)
        raise RuntimeError("closed while its executor was made")

    def _kill_what_hangs(self, executor: Executor) -> None:
        """End the processes of an own executor that are busy only with functions that were given up."""
        with self._lock:
            left = [run.given_up for run in self._runs.values() if run.executor is executor]
        if isinstance(executor, ProcessPool) and left and all(left):
            executor.kill()

    def _broke(self, executor: Executor, error: BrokenExecutor) -> None:
        """Whoever notices first makes an end of it, and hands back what it had not begun. (Python 3.11 forgets of those
        what it finds behind a cancelled one.)
        """
        with self._lock:
            if executor is not self._executor or self._broken_until or interpreter_ends:
                return
            self._broken_until = math.inf if self._make is None else time.monotonic() + self._backoff.next()
            waiting = [future for future in self._runs if not future.running() and not future.done()]
            not_begun = [self._runs.pop(future) for future in waiting]
        if isinstance(executor, ProcessPool) and (exit_codes := executor.kill()):
            error.add_note(f"Exit codes of its processes: {exit_codes}")
        logger.error("%s: its executor broke: %s", self._task_name, error, exc_info=error)
        for run in not_begun:
            run.done(None)

    def _end(self, executor: Executor, future: Future[Any]) -> None:
        error = None if future.cancelled() else future.exception()
        if interpreter_ends and (future.cancelled() or isinstance(error, BrokenExecutor)):
            return  # no thread can be started any more; the task comes back when its lease ends
        if isinstance(error, BrokenExecutor):
            self._broke(executor, error)
        with self._lock:
            run = self._runs.pop(future, None)
            if error is None and not future.cancelled():
                self._backoff.reset()
        if run:
            run.done(None if future.cancelled() else self._finished(run.task, future))
            self._kill_what_hangs(executor)

    def _finished(self, task: Task, future: Future[Any]) -> Finished | None:
        try:
            return _received(future.result())
        except BaseException as error:  # noqa: BLE001 - whatever the executor did to it
            return finish(task, Outcome(error=error), self._worker_id)


def _received(value: object) -> Finished | None:
    if value is _NOT_BEGUN:
        return None
    if isinstance(value, Finished):
        return value
    if not isinstance(value, bytes):
        raise TypeError(f"the executor gave {type(value).__name__} for what the function came to")
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
        name = getattr(make, "__qualname__", type(make).__qualname__)
        hint = f": is it to be {name}(…)?" if callable(executor) else ""
        raise ConfigurationError(f"{expected}; {name} made {executor!r}{hint}")
    return executor


def _shut_down(executor: Executor) -> None:
    try:
        try:
            executor.shutdown(wait=False, cancel_futures=True)
        except TypeError:  # it knows no such argument
            executor.shutdown(wait=False)
    except Exception:
        logger.exception("an executor could not be shut down")


def _holds_up_the_exit(executor: Executor) -> bool:
    """Python's own are joined when the interpreter ends; of others nothing is known."""
    return isinstance(executor, ThreadPoolExecutor | ProcessPoolExecutor) and not isinstance(executor, ProcessPool)


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
    process_id = os.getpid()
    outcome = execute(function, task, Flag(), Flag())
    end_forked_copy(process_id)
    return msgspec.json.encode(finish(task, outcome, worker_id))
