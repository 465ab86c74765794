"""The results that a worker has in hand. The end of each is told once: accepted, in the outbox, or lost."""

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
    """Those of one worker. Thread-safe."""

    def __init__(self, context: DeliveryContext, task_name: str) -> None:
        self._context = context
        self._task_name = task_name
        self._results: set[PendingResult] = set()  # its operations are atomic: a result's end is told by its remover

    def add(self, pending: PendingResult) -> None:
        """Also commits it to the outbox, if there is one and the result is a final one."""
        self._results.add(pending)
        outbox = self._context.outbox
        if outbox is not None and pending.is_terminal and not pending.is_stored:
            pending.is_stored = outbox.commit(self._task_name, pending.result)

    def is_only(self, pending: PendingResult) -> bool:
        return self._results == {pending}

    def accepted(self, pending: PendingResult) -> None:
        """The server has it."""
        if self._remove(pending):
            self._delete(pending)
            self._report_loss(pending)

    def lost(self, pending: PendingResult, how: str, error: ConductorError) -> None:
        """Nothing takes its place."""
        if self.name_lost(pending, how, error):
            self._delete(pending)
            self._report_loss(pending)

    def name_lost(self, pending: PendingResult, how: str, error: ConductorError) -> bool:
        """Remove it and name it in the log. Returns False if its end was told before."""
        if not self._remove(pending):
            return False
        self._log(logging.WARNING if how == "discarded" else logging.ERROR, pending, f"was {how}", error)
        if pending.is_from_function:
            _recording.results_lost.count(self._task_name, how)
            pending.loss = pending.result, error
        return True

    def give_up(self, pending: PendingResult) -> None:
        """No more attempt is made: it stays in the outbox, or is lost."""
        if self._name_given_up(pending):
            self._report_loss(pending)

    def give_up_all(self) -> set[str]:
        """Returns the ids of their tasks."""
        results = self._results.copy()
        named = [pending for pending in results if self._name_given_up(pending)]
        for pending in named:  # when all have been named: on_result_lost may take its time
            self._report_loss(pending)
        return {pending.result.task_id for pending in results}

    def _name_given_up(self, pending: PendingResult) -> bool:
        self._context.work_was_left.set()
        error = pending.error or ConductorError("no answer before the end of the drain")
        outbox = self._context.outbox
        if not (pending.is_stored and outbox is not None and outbox.holds(pending.result)):
            return self.name_lost(pending, "given up", error)
        is_mine = self._remove(pending)
        if is_mine:
            self._log(logging.WARNING, pending, "stays in the outbox", error)
        return is_mine

    def _remove(self, pending: PendingResult) -> bool:
        """Whether the end of this result is the caller's to tell."""
        try:
            self._results.remove(pending)
        except KeyError:
            return False
        pending.error = None  # its frames hold the result: they would keep each other, and a connection, alive
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
