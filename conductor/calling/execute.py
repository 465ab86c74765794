"""Calls the user's function. Every call ends with a CallOutcome. This module knows no HTTP and decides no status."""

from __future__ import annotations

import time
from copy import copy
from typing import Any

from conductor import _forks, models
from conductor._log import about, logger_of
from conductor.context import BoundFunction, TaskContext, current
from conductor.task_result import CallOutcome

logger = logger_of(__name__)


def execute(function: BoundFunction, context: TaskContext) -> CallOutcome:
    """Call the function on this thread with a copy of the task, so that the original stays as it was polled."""
    token = current.set(context)
    started, forks = time.perf_counter(), _forks.count()
    try:
        context.task = copy(context.task)
        return _outcome(context, started, value=function(context))
    except BaseException as error:  # noqa: BLE001 - sys.exit() in a function fails only its task
        return _outcome(context, started, error=error)
    finally:
        current.reset(token)
        if _forks.count() != forks:  # this is a child that the function has forked: its only thread ends here
            raise SystemExit


async def execute_async(function: BoundFunction, context: TaskContext) -> CallOutcome:
    """Await the function in this coroutine, with a copy of the task."""
    current.set(context)  # for this coroutine alone; it is never reset
    started, forks = time.perf_counter(), _forks.count()
    try:
        context.task = copy(context.task)
        return _outcome(context, started, value=await function(context))
    except BaseException as error:  # noqa: BLE001 - as above; the function may also raise CancelledError
        return _outcome(context, started, error=error)
    finally:
        if _forks.count() != forks:
            raise SystemExit


def _outcome(
    context: TaskContext, started: float, *, value: Any = None, error: BaseException | None = None
) -> CallOutcome:
    final = context.end()
    if final.put_off is not None and error is None:
        if value is None:
            value = final.put_off
        elif not isinstance(value, models.TaskResult):
            extra = about(context.task_name, context, context.retry_count)
            logger.warning("in_progress() was called, but another value is returned and counts", extra=extra)
    return CallOutcome(value, error, final.lines, time.perf_counter() - started, final.output)
