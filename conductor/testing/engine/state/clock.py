"""Clocks: the machine's time, and clocks that a test moves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from conductor._arguments import Duration, seconds as in_seconds


class Clock(Protocol):
    """The clock of the engine."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def real_seconds_until(self, moment: float) -> float | None:
        """The seconds to sleep until a moment has come. None: the moment comes only when somebody moves the clock."""
        ...

    def listen(self, listener: Callable[[], None]) -> None:
        """Call the listener, without arguments, after each jump of the clock."""
        ...

    def unlisten(self, listener: Callable[[], None]) -> None:
        """Do not call the listener any more."""
        ...


class _Advancing:
    """A clock that can be put forward. It calls its listeners then. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the two below
        self._advanced = 0.0
        self._listeners: list[Callable[[], None]] = []

    def advance(self, seconds: Duration) -> None:
        """Put the clock forward, and call every listener on this thread.

        seconds: a number or a timedelta. ConfigurationError: it is negative, because time never goes back.
        """
        advance = in_seconds("a clock is only advanced forward: seconds", seconds)
        with self._lock:
            self._advanced += advance
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    def listen(self, listener: Callable[[], None]) -> None:
        """Call the listener, without arguments, after each jump of the clock."""
        with self._lock:
            self._listeners.append(listener)

    def unlisten(self, listener: Callable[[], None]) -> None:
        """Do not call the listener any more."""
        with self._lock:
            if listener in self._listeners:
                self._listeners.remove(listener)


class LiveClock(_Advancing):
    """The machine's time, and all that ``advance`` has added. Thread-safe."""

    def now(self) -> float:
        return time.time() + self._advanced

    def real_seconds_until(self, moment: float) -> float | None:
        return max(0.0, moment - self.now())


class FakeClock(_Advancing):
    """A clock that stands still until ``advance`` is called. Thread-safe."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        super().__init__()
        self._began = now

    def now(self) -> float:
        return self._began + self._advanced

    def real_seconds_until(self, moment: float) -> float | None:
        return 0.0 if moment <= self.now() else None

    def wait(self, event: threading.Event, seconds: float | None) -> bool:
        """Block until the event is set, or until the clock has been moved by the seconds.

        Returns whether the event is set.
        """
        due = float("inf") if seconds is None else self.now() + seconds
        while self.now() < due:
            if event.wait(0.005):  # in real time, to see whether the clock was moved
                return True
        return event.is_set()
