"""Sends the results that earlier processes left in the outbox."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from conductor._log import logger_of
from conductor.delivery.context import DeliveryContext
from conductor.delivery.pending_result import PendingResult
from conductor.delivery.result_sender import ResultSender

if TYPE_CHECKING:
    from conductor.delivery.outbox import Outbox, StoredResult

logger = logger_of(__name__)

NEXT_AFTER = 60.0
"""Seconds until a result that the server does not accept is left for the next start."""


class OutboxSender:
    """Sends the results oldest first, on its own thread, from construction until there are no more or ``close``."""

    def __init__(self, outbox: Outbox, context: DeliveryContext) -> None:
        self._outbox = outbox
        self._context = context
        self._closed = threading.Event()
        self._done = threading.Event()
        first = outbox.next_left()
        if first is None and not outbox.unreadable:
            self._done.set()
        else:
            threading.Thread(target=self._run, args=(first,), name="conductor-outbox", daemon=True).start()

    def close(self) -> None:
        """Leave the remaining results for the next start. They count as work left behind. Returns at once."""
        if not self._done.is_set() and not self._closed.is_set():
            self._context.work_was_left.set()
            logger.warning("outbox %r: not all that earlier processes left could be sent", self._outbox.path)
        self._closed.set()

    def _run(self, stored: StoredResult | None) -> None:
        if stored is not None:
            logger.info("outbox %r: sending results that earlier processes left", self._outbox.path)
        while stored is not None and not self._closed.is_set():
            sender = ResultSender(self._context, stored.task_name, stopping=self._closed, abandoned=self._closed)
            sender.send(
                PendingResult(
                    stored.result,
                    self._context.clock.now(),
                    NEXT_AFTER,
                    is_from_function=True,
                    is_stored=True,
                    waits_for_connection=True,  # an outage holds up all results; an error of the server only one
                )
            )
            stored = self._outbox.next_left(stored.number)
        if stored is None and not self._outbox.unreadable:
            self._done.set()
