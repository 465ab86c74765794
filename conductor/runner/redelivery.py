"""Sending what earlier processes left in the outbox."""

from __future__ import annotations

import math
import threading
from functools import partial
from typing import TYPE_CHECKING

from conductor.errors import TransportError
from conductor.runner.running_worker import Shared
from conductor.runner.update import Parcel, Updater

NEXT_AFTER = 60.0
"""Seconds after which a result that the server does not take stays for the next start."""

if TYPE_CHECKING:
    from conductor.runner.outbox import Outbox


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

    @staticmethod
    def _keep_until(parcel: Parcel, begun: float) -> float:
        """While the server cannot be reached, all wait; one that it does not take must not hold up the others."""
        return math.inf if isinstance(parcel.last_error, TransportError) else begun + NEXT_AFTER

    def _run(self) -> None:
        kept = self._outbox.next_left()
        while kept is not None and not self._closed.is_set():
            updater = Updater(
                self._shared.client,
                kept.task_name,
                clock=self._shared.clock,
                stopping=self._closed,
                abandoned=self._closed,
                left_behind=self._shared.left_behind,
                outbox=self._outbox,
                on_result_lost=self._shared.on_result_lost,
            )
            parcel = Parcel(kept.result, keep_until=lambda: math.inf, stored=True)
            parcel.keep_until = partial(self._keep_until, parcel, self._shared.clock.now())
            updater.send(parcel)
            kept = self._outbox.next_left(kept.number)
        if kept is None:
            self._done.set()
