"""Makes the runner of a worker program, and starts its workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from conductor._log import printable
from conductor.errors import ConfigurationError
from conductor.hooks.interceptor import Interceptor
from conductor.runner.task_runner import TaskRunner
from conductor.transport import ApiClient
from conductor.worker import Worker
from conductor.worker_program.ends import OneTask, UntilIdle
from conductor.worker_program.options import RunOptions
from conductor.worker_settings import with_environment

LONGEST_SHOWN = 60
"""Characters of an object that an error shows."""


@dataclass(frozen=True)
class Parts:
    """The objects that the options name."""

    workers: Sequence[Worker]
    interceptors: Sequence[Any]
    lifespan: Any = None


def started(options: RunOptions, client: ApiClient, parts: Parts) -> TaskRunner:
    """A runner whose workers run. ConfigurationError: something cannot work. Raises the error of the lifespan."""
    interceptors = [interceptor_of(each) for each in parts.interceptors]
    end = {"once": OneTask, "idle": UntilIdle}.get(options.end, Interceptor)()
    runner = TaskRunner(
        client,
        worker_id=options.worker_id,
        shutdown_timeout=options.shutdown_timeout,
        interceptors=interceptors if options.end == "signal" else [end, *interceptors],
        lifespan=parts.lifespan,
        outbox=options.outbox,
        on_result_lost=end.lost if isinstance(end, OneTask) else None,
    )
    if isinstance(end, OneTask | UntilIdle):
        end.begin(runner, [with_environment(worker) for worker in parts.workers])
    runner.start_workers(*parts.workers)
    if isinstance(end, OneTask | UntilIdle):
        end.begun()
    return runner


def interceptor_of(named: object) -> Interceptor:
    """The interceptor, or a new one of the class. ConfigurationError: it is neither, or the class cannot make one."""
    try:
        made = named() if isinstance(named, type) else named
    except Exception as error:
        text = f"--interceptor: {printable(repr(named), LONGEST_SHOWN)} cannot be made: {type(error).__name__}: {error}"
        raise ConfigurationError(text) from error
    if not isinstance(made, Interceptor):
        raise ConfigurationError(
            f"an interceptor must be an Interceptor, or a class of them, not {printable(repr(named), LONGEST_SHOWN)}"
        )
    return made
