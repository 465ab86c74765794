"""A runner's time: monotonic, so that a change of the machine's date moves no deadline, and replaceable in tests."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Thread-safe."""

    def now(self) -> float:
        """Seconds since some moment; never goes back."""
        ...

    def wait(self, event: threading.Event, seconds: float | None) -> bool:
        """Block until the event is set, or so long; returns whether it is set. None: for as long as it takes."""
        ...


class MonotonicClock:
    """The machine's monotonic clock."""

    def now(self) -> float:
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float | None) -> bool:
        return event.wait(seconds)
