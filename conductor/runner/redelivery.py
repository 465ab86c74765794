"""Sending what earlier processes left in the outbox."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

from conductor.errors import TransportError
from conductor.runner.running_worker import Shared
from conductor.runner.update import Parcel, Updater
from conductor.task_result import TaskResult

if TYPE_CHECKING:
    from conductor.runner.outbox import Outbox

NEXT_AFTER = 60.0
"""Seconds after which a result that the server does not take stays for the next start."""


class Redelivery:
    """Sends them oldest first, on a thread of its own, from construction on until there are no more, or ``close``."""

    def __init__(self, outbox: Outbox, shared: Shared) -> None:
        self._outbox = outbox
        self._shared = shared
        self._closed = threading.Event()
        self._done = threading.Event()
        threading.Thread(target=self._run, name="conductor-outbox", daemon=True).start()

    def close(self) -> None:
        """What the server has not taken by now stays for the next start, and counts as left behind; returns at once."""
        self._closed.set()
        if not self._done.is_set():
            self._shared.left_behind.set()

    def _run(self) -> None:
        kept = self._outbox.next_left()
        while kept is not None and not self._closed.is_set():
            updater = Updater(
                self._shared.client,
                kept.task_name,
                clock=self._shared.clock,
                update_v2=self._shared.update_v2,
                stopping=self._closed,
                abandoned=self._closed,
                left_behind=self._shared.left_behind,
                outbox=self._outbox,
                on_result_lost=self._shared.on_result_lost,
            )
            updater.send(self._parcel(kept.result))
            kept = self._outbox.next_left(kept.number)
        if kept is None and not self._outbox.unreadable:
            self._done.set()

    def _parcel(self, result: TaskResult) -> Parcel:
        """While the server cannot be reached, all wait; one that it does not take must not hold up the others."""
        until = self._shared.clock.now() + NEXT_AFTER
        parcel = Parcel(
            result, lambda: math.inf if isinstance(parcel.last_error, TransportError) else until, stored=True
        )
        return parcel
