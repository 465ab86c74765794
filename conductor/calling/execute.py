"""Calls the user's function. Every call ends with a CallOutcome. This module knows no HTTP and decides no status."""

from __future__ import annotations

import time
from copy import copy
from typing import Any

from conductor import _forks
from conductor._flag import Flag
from conductor.calling.context import TaskContext, current
from conductor.errors import NonRetryableError
from conductor.models import Task
from conductor.task_result import CallOutcome
from conductor.worker import Execute

LONGEST_PATH = 150
"""Characters of a storage path that are shown: the reason has 500 in all."""


class PayloadElsewhereError(NonRetryableError):
    """A task came without its input, or without the output that it was put back with: the server has moved it."""


def execute(function: Execute, task: Task, stopping: Flag, lost: Flag) -> CallOutcome:
    """Call the function on this thread, with a copy: its changes do not reach the task whose end is told."""
    context = TaskContext(task, stopping, lost)
    token = current.set(context)
    started, forks = time.perf_counter(), _forks.count()
    try:
        _check_payloads(task)
        context.task = copy(task)
        return _outcome(context, started, value=function(context.task))
    except BaseException as error:  # noqa: BLE001 - sys.exit() in a function is its failure, not the process's end
        return _outcome(context, started, error=error)
    finally:
        current.reset(token)
        if _forks.count() != forks:  # the function has forked, and this is the child: its only thread ends here
            raise SystemExit


async def execute_async(function: Execute, task: Task, stopping: Flag, lost: Flag) -> CallOutcome:
    """Await the function in this coroutine, with a copy as well."""
    context = TaskContext(task, stopping, lost)
    current.set(context)  # of this coroutine alone, and for good
    started, forks = time.perf_counter(), _forks.count()
    try:
        _check_payloads(task)
        context.task = copy(task)
        return _outcome(context, started, value=await function(context.task))
    except BaseException as error:  # noqa: BLE001 - as above, and a CancelledError of the function's own making
        return _outcome(context, started, error=error)
    finally:
        if _forks.count() != forks:
            raise SystemExit


def _check_payloads(task: Task) -> None:
    """A function must not run on an input that is not there, as if it were empty."""
    if not (task.external_input_payload_storage_path or task.external_output_payload_storage_path):
        return
    paths = {"Input": task.external_input_payload_storage_path, "Output": task.external_output_payload_storage_path}
    for kind, path in paths.items():
        if path:
            raise PayloadElsewhereError(
                f"the task's {kind.lower()} lies in the server's external storage at {repr(path)[:LONGEST_PATH]}, where"
                " a worker cannot read it: it is larger than the server's setting"
                f" conductor.app.task{kind}PayloadSizeThreshold, 3,072 KiB by default"
            )


def _outcome(
    context: TaskContext, started: float, *, value: Any = None, error: BaseException | None = None
) -> CallOutcome:
    return CallOutcome(value, error, tuple(context.logs), time.perf_counter() - started)
