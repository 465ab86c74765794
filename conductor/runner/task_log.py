"""The log messages about one execution."""

from __future__ import annotations

import logging

from conductor._log import about, logger_of
from conductor.errors import InvalidInputError
from conductor.models import Task, TaskResultStatus
from conductor.task_result import PreparedResult, TaskResult

logger = logger_of(__name__)

_FATES = {
    TaskResultStatus.FAILED: (logging.WARNING, "and the server may retry it"),
    TaskResultStatus.FAILED_WITH_TERMINAL_ERROR: (logging.ERROR, "and is not retried"),
}


def begun(task_name: str, task: Task) -> bool:
    """Log at DEBUG. Returns whether DEBUG is enabled, so that the end does not have to ask."""
    is_wanted = logger.isEnabledFor(logging.DEBUG)
    if is_wanted:
        logger.debug("%s: begun", task_name, extra=about(task_name, task, task.retry_count))
    return is_wanted


def timed_out(task_name: str, task: Task, limit: float, fate: str) -> None:
    extra = about(task_name, task, task.retry_count)
    logger.warning("%s: its time limit of %g s has passed: failed, and %s", task_name, limit, fate, extra=extra)


def unreadable(task_name: str, result: TaskResult) -> None:
    """result: the FAILED result that is sent."""
    extra = about(task_name, result, None)
    logger.warning("%s: %s; the server may retry it", task_name, result.reason_for_incompletion, extra=extra)


def ended(task_name: str, task: Task, prepared: PreparedResult, error: BaseException | None, is_wanted: bool) -> None:
    """Log a failure as a WARNING if the server may retry the task, or else as an ERROR. Log any other end at DEBUG.

    error: the exception of the function. is_wanted: the return value of ``begun``.
    """
    status = prepared.result.status
    if status not in _FATES:
        if is_wanted:
            extra = about(task_name, task, task.retry_count)
            logger.debug("%s: %s after %.3f s", task_name, status, prepared.seconds, extra=extra)
        return
    level, fate = _FATES[status]
    if prepared.error == MemoryError.__name__:
        level = logging.CRITICAL
    reason = prepared.result.reason_for_incompletion or "no reason given"
    extra = about(task_name, task, task.retry_count)
    shown = None if isinstance(error, InvalidInputError) else error  # its traceback would show this package alone
    logger.log(level, "%s failed, %s: %s", task_name, fate, reason, exc_info=shown, extra=extra)
