"""The dev server's clock: the machine's time, and as much ahead of it as a test has said."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class LiveClock:
    """Goes with real time from the machine's time on; ``advance`` puts it ahead. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards both
        self._ahead = 0.0
        self._listeners: list[Callable[[], None]] = []

    def now(self) -> float:
        return time.time() + self._ahead

    def real_seconds_until(self, moment: float) -> float | None:
        return max(0.0, moment - self.now())

    def advance(self, seconds: float) -> None:
        """Put the clock ahead and tell every listener, on this thread. Time never goes back: ValueError."""
        if not 0 <= seconds < float("inf"):
            raise ValueError(f"a clock is only advanced forward, not by {seconds}")
        with self._lock:
            self._ahead += seconds
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    def listen(self, listener: Callable[[], None]) -> None:
        """Call the listener, without arguments, after each jump of the clock."""
        with self._lock:
            self._listeners.append(listener)

    def unlisten(self, listener: Callable[[], None]) -> None:
        """Call it no more."""
        with self._lock:
            if listener in self._listeners:
                self._listeners.remove(listener)
