"""The results that a worker has in hand. Each one leaves once: accepted, kept in the outbox, or lost."""

from __future__ import annotations

import logging
from contextvars import ContextVar

from conductor import _recording
from conductor._log import logger_of
from conductor.delivery.context import DeliveryContext
from conductor.delivery.pending_result import PendingResult
from conductor.errors import ConductorError

logger = logger_of(__name__)


_is_reporting: ContextVar[bool] = ContextVar("conductor_on_result_lost", default=False)


def inside_on_result_lost() -> bool:
    """Whether this thread is in a call of on_result_lost."""
    return _is_reporting.get()


class ResultsInHand:
    """The results in hand of one worker. Thread-safe."""

    def __init__(self, context: DeliveryContext, task_name: str) -> None:
        self._context = context
        self._task_name = task_name
        self._results: set[PendingResult] = set()  # its operations are atomic, so one caller removes and reports

    def add(self, pending: PendingResult) -> None:
        """Add a result. A final result is also committed to the outbox, if there is one."""
        self._results.add(pending)
        outbox = self._context.outbox
        if outbox is not None and pending.is_terminal and not pending.is_stored:
            pending.is_stored = outbox.commit(self._task_name, pending.result)

    def is_only(self, pending: PendingResult) -> bool:
        return self._results == {pending}

    def accepted(self, pending: PendingResult) -> None:
        """Remove a result that the server has accepted."""
        if self._remove(pending):
            self._delete(pending)
            self._report_loss(pending)

    def lost(self, pending: PendingResult, how: str, error: ConductorError) -> None:
        """Remove and report a lost result that is not replaced."""
        if self.name_lost(pending, how, error):
            self._delete(pending)
            self._report_loss(pending)

    def name_lost(self, pending: PendingResult, how: str, error: ConductorError) -> bool:
        """Remove a lost result and log it. Returns False if it was removed before."""
        if not self._remove(pending):
            return False
        self._log(logging.WARNING if how == "discarded" else logging.ERROR, pending, f"was {how}", error)
        if pending.is_from_function:
            _recording.results_lost.count(self._task_name, how)
            pending.loss = pending.result, error
        return True

    def give_up(self, pending: PendingResult) -> None:
        """Remove a result after its last attempt. It stays in the outbox, or is lost."""
        if self._name_given_up(pending):
            self._report_loss(pending)

    def give_up_all(self) -> None:
        """Give up all results."""
        named = [pending for pending in self._results.copy() if self._name_given_up(pending)]
        for pending in named:  # after all are logged, because on_result_lost may take long
            self._report_loss(pending)

    def _name_given_up(self, pending: PendingResult) -> bool:
        error = pending.error or ConductorError("no answer before the end of the drain")
        outbox = self._context.outbox
        if not (pending.is_stored and outbox is not None and outbox.holds(pending.result)):
            is_mine = self.name_lost(pending, "given up", error)
        elif is_mine := self._remove(pending):
            self._log(logging.WARNING, pending, "stays in the outbox", error)
        if is_mine:
            self._context.work_was_left.set()
        return is_mine

    def _remove(self, pending: PendingResult) -> bool:
        """Returns True for the one caller that removes the result, and so must report its end."""
        try:
            self._results.remove(pending)
        except KeyError:
            return False
        pending.error = None  # its frames refer to the result: the cycle would keep a connection alive
        return True

    def _delete(self, pending: PendingResult) -> None:
        if pending.is_stored and self._context.outbox is not None:
            self._context.outbox.delete(pending.result)

    def _report_loss(self, pending: PendingResult) -> None:
        on_result_lost = self._context.on_result_lost
        if pending.loss is None or on_result_lost is None:
            return
        token = _is_reporting.set(True)
        try:
            on_result_lost(*pending.loss)
        except BaseException:
            logger.exception("on_result_lost failed", extra=pending.about(self._task_name))
        finally:
            _is_reporting.reset(token)

    def _log(self, level: int, pending: PendingResult, fate: str, error: ConductorError) -> None:
        line, extra = "%s: the %s result %s: %s", pending.about(self._task_name)
        logger.log(level, line, self._task_name, pending.result.status, fate, error, extra=extra)
