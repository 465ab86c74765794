"""Sends a result until the server accepts it, with growing pauses, as long as the result can be of use.

``verdict`` decides the meaning of an error. This module acts on it. A refused result is replaced by a small
FAILED_WITH_TERMINAL_ERROR with the reason. Every lost result is logged, counted and passed to on_result_lost.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import msgspec

from conductor import _recording
from conductor._log import logger_of
from conductor.delivery.context import DeliveryContext
from conductor.delivery.failure_log import FailureLog
from conductor.delivery.pending_result import PendingResult
from conductor.delivery.results_in_hand import ResultsInHand
from conductor.delivery.update_request import send_once
from conductor.delivery.verdict import CannotBeSentError, Verdict, verdict_of
from conductor.errors import ApiError, ConductorError, TransportError
from conductor.health import LastError
from conductor.models import TaskResultStatus
from conductor.task_client import Delivery
from conductor.task_result import failed

logger = logger_of(__name__)

LONGEST_PAUSE_IN_DRAIN = 5.0
"""Seconds, also if Retry-After asks for more, because the server may be back before the drain ends."""


class ResultSender:
    """Sends the results of one worker. Thread-safe.

    stopping: when it is set, waiting results are sent again at once. abandoned: when it is set, they are given up.
    """

    def __init__(
        self, context: DeliveryContext, task_name: str, stopping: threading.Event, abandoned: threading.Event
    ) -> None:
        self._context = context
        self._task_name = task_name
        self._stopping = stopping
        self._abandoned = abandoned
        self._in_hand = ResultsInHand(context, task_name)
        self.last_error: LastError | None = None
        fails, works = "results are not accepted, and are sent again", "results are accepted again"
        self._failures = FailureLog(task_name, fails, works)

    def send(self, pending: PendingResult) -> Delivery:
        """Block until the result is accepted, refused for good, discarded or given up."""
        is_done = self.first_attempt(pending)
        while not is_done:
            event = self._abandoned if pending.in_drain else self._stopping
            self._context.clock.wait(event, max(0.0, pending.due - self._context.clock.now()))
            is_done = self.next_attempt(pending)
        return pending.answer

    def first_attempt(self, pending: PendingResult) -> bool:
        """Returns whether the result is out of hand now. If it is not, call ``next_attempt`` at ``pending.due``."""
        try:
            self._in_hand.add(pending)
        except Exception as bug:
            _recording.uncaught.count_error(bug)
            logger.exception("a bug kept a result from being sent", extra=pending.about(self._task_name))
            return self._refused(pending, CannotBeSentError(f"{type(bug).__name__} while it was kept"))
        return self._attempt(pending)

    def next_attempt(self, pending: PendingResult) -> bool:
        """One more attempt, after the pause. Returns the same."""
        if self._abandoned.is_set():
            self._in_hand.give_up(pending)
            return True
        return self._attempt(pending)

    def is_pause_over(self, pending: PendingResult) -> bool:
        """Whether the worker has begun to stop, or has given up, since the last attempt."""
        return self._abandoned.is_set() or (self._stopping.is_set() and not pending.in_drain)

    def give_up(self) -> None:
        """Give up each result in hand without waiting for its answer."""
        self._in_hand.give_up_all()

    def _attempt(self, pending: PendingResult) -> bool:
        if pending.lease is not None:
            self._context.leases.hold(pending.lease)
        try:
            answer = send_once(self._context, self._task_name, pending)
        except ConductorError as error:
            self.last_error = LastError("update", str(error), datetime.now(UTC))
            if verdict_of(error) is not Verdict.LATER:
                return self._refused(pending, error)
            if pending.error is None and pending.is_terminal and isinstance(error, TransportError):
                # A kept connection may have just ended. If the result has arrived, the server ignores the second one.
                pending.error = error
                return self._attempt(pending)
            return self._plan_retry(pending, error)
        if pending.error is not None or self._in_hand.is_only(pending):
            self._failures.recovered()
        pending.answer = answer
        self._in_hand.accepted(pending)
        return True

    def _plan_retry(self, pending: PendingResult, error: ConductorError) -> bool:
        """Plan the next attempt. Returns True if the result is given up instead."""
        now = self._context.clock.now()
        if pending.error is not None:
            self._failures.failed(error)
        pending.error = error
        if pending.waits_for_connection and isinstance(error, TransportError):
            pending.retry_from = now
        pending.answer_timeout = min(2 * pending.answer_timeout, pending.longest_answer_timeout)
        if self._stopping.is_set() and not pending.in_drain:
            pending.in_drain = True
            pending.backoff.reset()  # the remaining time is shorter than the grown pauses
        left = pending.retry_deadline - now
        if left <= 0 or self._abandoned.is_set():
            self._in_hand.give_up(pending)
            return True
        pause = pending.backoff.next(error.retry_after if isinstance(error, ApiError) else None)
        pending.due = now + min(pause, left, LONGEST_PAUSE_IN_DRAIN if pending.in_drain else left)
        if pending.lease is not None and pending.is_terminal:
            self._context.leases.keep(pending.lease)
        return False

    def _refused(self, pending: PendingResult, error: ConductorError) -> bool:
        """Replace a refused result, or let it go. Returns whether the result, or its replacement, is out of hand."""
        is_gone = verdict_of(error) is Verdict.GONE
        # After a bug, IN_PROGRESS may have arrived or not, so the task may run elsewhere by now.
        is_unknown = isinstance(error, CannotBeSentError) and not pending.is_terminal
        if pending.is_from_function and not is_gone and not is_unknown:
            if not self._in_hand.name_lost(pending, "refused", error):
                pending.loss = None  # it was reported at the end of the drain
            return self._send_replacement(pending, error)
        if not is_gone:
            self._context.work_was_left.set()
        self._in_hand.lost(pending, "discarded" if is_gone else "refused", error)
        return True

    def _send_replacement(self, pending: PendingResult, error: ConductorError) -> bool:
        """Send a small failure in place of a refused result.

        Its answer must not bring a task, because the task would have to wait for on_result_lost.
        """
        refused = pending.result
        if isinstance(error, CannotBeSentError):
            reason = f"the result cannot be sent: {error}"
        else:
            size = len(msgspec.json.encode(refused))
            reason = f"the server refused the result, of {size} bytes of JSON: {error}"
        terminal = TaskResultStatus.FAILED_WITH_TERMINAL_ERROR
        pending.result = failed(refused.task_id, refused.workflow_instance_id, reason, terminal)
        pending.result.worker_id = refused.worker_id
        pending.is_from_function = pending.is_stored = pending.may_poll = False
        return self.first_attempt(pending)
