"""The engine of the embedded server: Conductor's state machine without HTTP.

All values are plain dicts in the wire's camelCase, as the real server 3.32.3 sends them: zeros and false are always
there, null members are left out, times are epoch milliseconds.
"""

from __future__ import annotations

import heapq

from conductor import _stopping
from conductor.testing.clock import Clock
from conductor.testing.model import Refusal
from conductor.testing.payloads import PayloadOptions
from conductor.testing.read_models import ReadModels

__all__ = ["Engine", "Refusal"]


class Engine(ReadModels):
    """A Conductor server's state and rules. Thread-safe; every call is one transaction.

    clock: what time it is; after a jump of a FakeClock everything that became due has been done when ``advance``
    returns. db: a file to keep the state in, where nothing is lost when the process ends; memory by default.
    hold_until_count: polls wait for the count they ask for, as servers on SQL do. retention: how many workflows that
    have ended are kept, with their tasks and logs; the oldest are forgotten. payload_options: of the external storage.

    What a call returns shares its values with the engine's state: serialise it, do not change it.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        db: str = ":memory:",
        *,
        hold_until_count: bool = False,
        retention: int = 10_000,
        payload_options: PayloadOptions | None = None,
    ) -> None:
        super().__init__(
            clock, db, hold_until_count=hold_until_count, retention=retention, payload_options=payload_options
        )
        self.clock.listen(self._on_jump)
        _stopping.listen(self._wake_polls)

    def close(self) -> None:
        """End waiting polls and let go of the database. Every later call is refused with 503."""
        self.clock.unlisten(self._on_jump)
        self._closing = True
        with self._lock:
            if not self._closed:
                self._closed = True
                _stopping.unlisten(self._wake_polls)
                self._store.close()
                self._wake_all()

    def _on_jump(self) -> None:
        self.sweep()
        with self._lock:
            self._wake_all()

    def _wake_all(self) -> None:
        self._wake_polls()
        self._changed.notify_all()

    def _wake_polls(self) -> None:
        with self._lock:
            for queue in self._queues.values():
                queue.arrived.notify_all()

    def sweep(self) -> None:
        """Do everything that time has made due: timeouts, WAIT timers, sub-workflows that start late.

        What is not at rest yet then goes on, see ``go_on``.
        """
        with self.transaction():
            now = self.clock.now()
            while self._timers and self._timers[0][0] <= now:
                timer = heapq.heappop(self._timers)
                if self._is_current(timer):
                    workflow = self._workflows[timer[1]]
                    workflow.timer = None
                    if workflow.workflow_id not in self._unfinished:
                        self._decide(workflow)
        self.go_on()

    def next_due(self) -> float | None:
        """When ``sweep`` has something to do next, in seconds since the epoch."""
        with self.transaction():
            if self._unfinished:
                return self.clock.now()
            while self._timers and not self._is_current(self._timers[0]):
                heapq.heappop(self._timers)
            return self._timers[0][0] if self._timers else None
