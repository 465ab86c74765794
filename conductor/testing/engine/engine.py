"""The engine of the embedded server: Conductor's state machine without HTTP.

All values are plain dicts with the names of the wire, as the real server 3.32.3 sends them: zeros and false are always
there, null members are left out, times are in milliseconds since the epoch.
"""

from __future__ import annotations

import heapq

from conductor import _stopping
from conductor.testing.engine.clock import Clock
from conductor.testing.engine.model import Refusal
from conductor.testing.engine.payloads import PayloadOptions
from conductor.testing.engine.read_models import ReadModels
from conductor.testing.engine.stubs import Stubs

__all__ = ["Engine", "Refusal"]


class Engine(ReadModels):
    """The state and the rules of a Conductor server. Thread-safe; every call is one transaction.

    clock: gives the time. When ``advance`` of a FakeClock returns, everything that became due has been done.
    db: the path of a file that keeps the state after the end of the process. By default the state is in memory.
    hold_until_count: polls wait for as many tasks as they ask for, as servers on SQL databases do.
    retention: the number of ended workflows that are kept, with their tasks and logs. The oldest are forgotten first.
    payload_options: the options of the external storage. stubs: answers in place of tasks.

    The values that a call returns belong to the state. Write them as JSON, and do not change them.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        db: str = ":memory:",
        *,
        hold_until_count: bool = False,
        retention: int = 10_000,
        payload_options: PayloadOptions | None = None,
        stubs: Stubs | None = None,
    ) -> None:
        super().__init__(
            clock,
            db,
            hold_until_count=hold_until_count,
            retention=retention,
            payload_options=payload_options,
            stubs=stubs,
        )
        self.clock.listen(self._on_jump)
        _stopping.listen(self._wake_polls)

    def close(self) -> None:
        """End waiting polls and close the database. Every later call is refused with 503."""
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
        """Do everything that has become due: timeouts, WAIT timers, sub-workflows that start late.

        A workflow that takes too long is left to ``go_on``.
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
        """The time at which ``sweep`` has something to do next, in seconds since the epoch."""
        with self.transaction():
            if self._unfinished:
                return self.clock.now()
            while self._timers and not self._is_current(self._timers[0]):
                heapq.heappop(self._timers)
            return self._timers[0][0] if self._timers else None
