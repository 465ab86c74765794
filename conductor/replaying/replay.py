"""A replay: the function's outcome here, beside the recorded one."""

from __future__ import annotations

import bdb
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from types import ModuleType
from typing import Any

import msgspec

from conductor.errors import ConfigurationError
from conductor.hooks.interception import Interceptors
from conductor.hooks.interceptor import Interceptor
from conductor.models import Task
from conductor.replaying.debugging import DebuggerLeftError, look_at, stopping_at
from conductor.replaying.differences import Difference, differences
from conductor.replaying.execution import Execution
from conductor.replaying.recording import Outcome, Recording
from conductor.runner.given_workers import workers_in
from conductor.runner.lifespan import LifespanMaker
from conductor.task_result import CallOutcome, TaskResult, prepare_result
from conductor.worker import Worker
from conductor.worker_function import WorkerFunction

_OF_ANY_TYPE = "replayed"
"""The task name of a function that was given without a worker."""


class Replay(msgspec.Struct, frozen=True, rename="camel"):
    """The outcome here beside the recorded one.

    recorded: None if the task has not ended. is_same: whether status, reason and output are the recorded ones; None
    without a recorded outcome. differences: of the outputs.
    """

    task_id: str
    workflow_instance_id: str
    task_name: str
    retry_count: int
    poll_count: int
    recorded: Outcome | None
    here: Outcome
    is_same: bool | None
    differences: list[Difference]

    @property
    def is_good(self) -> bool:
        """Whether the function has ended without a failure, and not otherwise than recorded."""
        return self.is_same is not False and not self.here.status.startswith("FAILED")


class Replayer:
    """Replays tasks with one of the given workers.

    given: a function with or without ``@worker_task``, a Worker, a module or a list. A function without a worker takes
        tasks of any type.
    lifespan, interceptors: as for ``TaskRunner``. Of the interceptors, only the methods around an execution are called.
    stop_at_start: stop in the debugger at the first line of the function. stop_at_error: start the debugger where the
        function, or an interceptor, has raised an error.

    ConfigurationError: there is no worker, or the lifespan or an interceptor cannot work.
    """

    def __init__(
        self,
        given: object,
        lifespan: LifespanMaker | None = None,
        interceptors: Sequence[Interceptor] = (),
        *,
        stop_at_start: bool = False,
        stop_at_error: bool = False,
    ) -> None:
        self._stop_at_start = stop_at_start
        self._stop_at_error = stop_at_error
        around = Interceptors(interceptors)
        self._executions = [(worker, Execution(worker, lifespan, around)) for worker in _workers(given)]

    def replay(self, recording: Recording) -> Replay:
        """Run the function on this thread, and block until it has ended. An async one gets an event loop of its own.

        ConfigurationError: no worker is for tasks of this type. ConductorError: the lifespan has failed, or the user
        has left the debugger. Ctrl-C is raised as KeyboardInterrupt.
        """
        task = recording.as_delivered()
        worker, execution = self._for(task)
        with stopping_at(worker.execute) if self._stop_at_start else nullcontext():
            outcome = execution.run(task)
        if isinstance(outcome.error, KeyboardInterrupt):
            raise outcome.error
        if isinstance(outcome.error, bdb.BdbQuit):
            raise DebuggerLeftError from None
        if outcome.error is not None and self._stop_at_error:
            look_at(outcome.error)
        return _compared(recording, _outcome(task, outcome))

    def _for(self, task: Task) -> tuple[Worker, Execution]:
        names = (_OF_ANY_TYPE, task.task_type, task.task_def_name)
        fitting = [each for each in self._executions if each[0].task_name in names]
        of_domain = [each for each in fitting if each[0].domain == task.domain]
        for each in (*of_domain, *fitting):
            return each
        found = ", ".join(repr(worker.task_name) for worker, _ in self._executions)
        raise ConfigurationError(
            f"task {task.task_id} is of the type {task.task_type!r}, and the given workers are for {found}"
        )


def _workers(given: object) -> list[Worker]:
    has_workers = isinstance(given, Worker | WorkerFunction | ModuleType | Iterable)
    return workers_in([given]) if has_workers or not callable(given) else [Worker(_OF_ANY_TYPE, given)]


def _outcome(task: Task, outcome: CallOutcome) -> Outcome:
    """The result that a runner would send."""
    result: TaskResult = prepare_result(task, outcome, task.worker_id or "").result
    output: dict[str, Any] = result.output_data
    logs = [entry.log or "" for entry in result.logs]
    return Outcome(str(result.status), result.reason_for_incompletion or None, output, logs, outcome.seconds)


def _compared(recording: Recording, here: Outcome) -> Replay:
    task, recorded = recording.task, recording.outcome
    found, is_same = [], None
    if recorded is not None:
        found = list(differences(recorded.output_data, here.output_data))
        ends = [(each.status, each.reason_for_incompletion) for each in (recorded, here)]
        is_same = not found and ends[0] == ends[1]
    return Replay(
        task.task_id,
        task.workflow_instance_id,
        task.task_type or task.task_def_name,
        task.retry_count,
        task.poll_count,
        recorded,
        here,
        is_same,
        found,
    )
