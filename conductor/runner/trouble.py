"""Saying once that something fails, and once that it works again, however often it does either."""

from __future__ import annotations

import threading

from conductor._log import logger_of
from conductor.errors import ApiError, ConductorError

logger = logger_of(__name__)


class Trouble:
    """What a worker's calls of one kind come to. Thread-safe. fails, works: what the log says of them."""

    def __init__(self, task_name: str, fails: str, works: str) -> None:
        self._task_name = task_name
        self._fails = fails
        self._works = works
        self._lock = threading.Lock()  # guards the next
        self._current: str | None = None

    def met(self, error: ConductorError) -> None:
        """WARNING, unless the last one was of the same kind."""
        kind = f"{type(error).__name__} {error.status}" if isinstance(error, ApiError) else type(error).__name__
        with self._lock:
            is_news, self._current = kind != self._current, kind
        if is_news:
            logger.warning("%s: %s: %s", self._task_name, self._fails, error)

    def over(self) -> None:
        """INFO, if there was any."""
        with self._lock:
            was, self._current = self._current, None
        if was is not None:
            logger.info("%s: %s", self._task_name, self._works)
