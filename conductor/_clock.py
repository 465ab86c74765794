"""A runner's clock. It is monotonic, so a change of the machine's date moves no deadline. Tests replace it."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """A monotonic clock. Thread-safe."""

    def now(self) -> float:
        """Seconds since a fixed moment. The value never decreases."""
        ...

    def wait(self, event: threading.Event, seconds: float | None) -> bool:
        """Block until the event is set or the time has passed. Returns whether it is set. None: there is no limit."""
        ...


class MonotonicClock:
    """The machine's monotonic clock."""

    def now(self) -> float:
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float | None) -> bool:
        return event.wait(seconds)
