"""Decides whether results go out by update-v2. Its answer brings the next task."""

from __future__ import annotations

import threading

from conductor._backoff import Backoff
from conductor._clock import Clock

TRIED_AGAIN_AFTER = 5 * 60.0
"""Seconds until update-v2 is tried again on a server that did not have it."""


class UpdateV2:
    """The state of update-v2, as far as a runner knows it. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()  # guards everything below
        self._again_at: float | None = None  # None: it works
        self._is_missing = False
        self._backoff = Backoff()

    def may_be_tried(self) -> bool:
        """True while update-v2 works. Otherwise True for one caller from time to time."""
        if self._again_at is None:  # the usual case needs no lock
            return True
        with self._lock:
            now = self._clock.now()
            if self._again_at is None or now < self._again_at:
                return self._again_at is None
            self._again_at = now + TRIED_AGAIN_AFTER
            return True

    def found_missing(self) -> bool:
        """The server does not have update-v2. Returns True the first time."""
        with self._lock:
            is_news, self._is_missing = not self._is_missing, True
            self._again_at = self._clock.now() + TRIED_AGAIN_AFTER
            return is_news

    def unanswered(self) -> None:
        """An answer is lost, and perhaps a task in it. Use plain updates for a while, so that fewer tasks are lost."""
        with self._lock:
            self._again_at = self._clock.now() + self._backoff.next()

    def answered(self) -> None:
        """Update-v2 works."""
        if self._again_at is None:
            return
        with self._lock:
            self._again_at, self._is_missing = None, False
            self._backoff.reset()
