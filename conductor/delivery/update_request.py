"""One attempt to send a result: by update-v2 if the answer may bring the next task, or else by the plain update."""

from __future__ import annotations

import time
from functools import partial

from conductor import _recording
from conductor._log import logger_of, printable
from conductor.delivery.context import DeliveryContext
from conductor.delivery.pending_result import NO_TASKS, PendingResult
from conductor.delivery.verdict import CannotBeSentError, TaskHasEndedError, Verdict, verdict_of
from conductor.errors import ConductorError
from conductor.models import TaskStatus
from conductor.task_client import Delivery, says_update_and_poll_is_missing

logger = logger_of(__name__)


def send_once(context: DeliveryContext, task_name: str, pending: PendingResult) -> Delivery:
    """Send the result once. Blocks for the answer. Every failure is raised as a ConductorError.

    A repeated IN_PROGRESS is sent only if the server still shows the same delivery of the task as running. If the task
    is in its queue or was delivered again, this returns as after a success. If it has ended: TaskHasEndedError.
    """
    is_repeat = pending.error is not None
    try:
        if is_repeat and not pending.is_terminal and not _is_as_delivered(context, pending):
            return NO_TASKS
        if pending.lease is not None and pending.is_terminal:
            context.leases.extend_held(pending.lease, is_repeat)
        if context.interceptors.see_updates:
            request = partial(_timed_request, context, task_name, pending)
            return context.interceptors.update(pending.result, request, pending.about(task_name))
        return _timed_request(context, task_name, pending)
    except ConductorError:
        raise
    except Exception as bug:
        _recording.uncaught.count_error(bug)
        logger.exception("a bug kept a result from being sent", extra=pending.about(task_name))
        raise CannotBeSentError(f"{type(bug).__name__} while it was sent") from None


def _timed_request(context: DeliveryContext, task_name: str, pending: PendingResult) -> Delivery:
    started = time.perf_counter()
    try:
        answer = _request(context, pending)
    except ConductorError as error:
        _recording.update_finished(task_name, time.perf_counter() - started, error)
        raise
    _recording.update_finished(task_name, time.perf_counter() - started)
    return answer


def _is_as_delivered(context: DeliveryContext, pending: PendingResult) -> bool:
    task = context.client.get_task(pending.result.task_id)
    if (task.poll_count or 0) != pending.poll_count or task.status == TaskStatus.SCHEDULED:
        return False
    if task.status != TaskStatus.IN_PROGRESS:
        status = "in a state that cannot be read" if task.status is None else printable(str(task.status), 100)
        raise TaskHasEndedError(f"the task is {status} by now")
    return True


def _request(context: DeliveryContext, pending: PendingResult) -> Delivery:
    client, update_v2 = context.client, context.update_v2
    if pending.may_poll and pending.error is None and update_v2.may_be_tried():
        try:
            answer = client.update_and_poll(pending.result, pending.answer_timeout)
        except ConductorError as error:
            if not says_update_and_poll_is_missing(error):
                if verdict_of(error) is Verdict.LATER:
                    update_v2.unanswered()
                else:  # update-v2 works, and has refused this result
                    update_v2.answered()
                raise
            if update_v2.found_missing():
                logger.warning("the server has no update-v2, so plain updates are sent: %s", error)
        else:
            update_v2.answered()
            return answer
    client.update(pending.result, pending.answer_timeout)
    return NO_TASKS
