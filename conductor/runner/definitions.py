"""Warns about missing task definitions, because a task without one has a lease that few people want."""

from __future__ import annotations

import threading
from collections import deque

from conductor._log import logger_of
from conductor.errors import ConductorError, NotFoundError
from conductor.transport import ApiClient, metadata
from conductor.worker import Worker

logger = logger_of(__name__)

AN_HOUR = 3600
"""Seconds: the default of responseTimeoutSeconds, also without a definition (server 3.32.3)."""

_MISSING = (
    "no task definition is named %s: is the name right? Without a definition, a task whose worker dies comes back after"
    " an hour; register one with a responseTimeoutSeconds that fits"
)
_LONG = (
    "%s: a task whose worker dies comes back after %d s, the responseTimeoutSeconds of its task definition;"
    " with lease_extension=True it can be much shorter"
)


class Definitions:
    """Requests the definition of each task type once, one after another, on its own thread. Thread-safe.

    The result is only logged. If the request fails or is not allowed, nothing changes.
    """

    def __init__(self, api_client: ApiClient) -> None:
        self._api = api_client
        self._lock = threading.Lock()  # guards everything below
        self._seen: set[str] = set()
        self._waiting: deque[Worker] = deque()
        self._is_running = False  # whether the thread runs

    def look_at(self, worker: Worker) -> None:
        """Request the definition of the worker's task type, if it is new. Returns at once."""
        with self._lock:
            if worker.task_name in self._seen:
                return
            self._seen.add(worker.task_name)
            self._waiting.append(worker)
            if self._is_running:
                return
            self._is_running = True
        try:
            threading.Thread(target=self._run, name="conductor-definitions", daemon=True).start()
        except RuntimeError:  # the system has no thread left, and the check is not important
            with self._lock:
                self._is_running = False

    def close(self) -> None:
        """Make no more requests. A request under way is not awaited."""
        with self._lock:
            self._waiting.clear()

    def _run(self) -> None:
        while (worker := self._next()) is not None:
            self._look_at(worker)

    def _next(self) -> Worker | None:
        with self._lock:
            self._is_running = bool(self._waiting)
            return self._waiting.popleft() if self._waiting else None

    def _look_at(self, worker: Worker) -> None:
        name = worker.task_name
        try:
            definition = self._api.call_within(self._api.short_timeout, metadata.get_task_def.sync, name)
        except ConductorError as error:
            if isinstance(error, NotFoundError) and error.conductor and error.message.startswith("No such task"):
                logger.warning(_MISSING, name)
            else:
                logger.debug("%s: its task definition could not be read: %s", name, error)
            return
        lease = definition.response_timeout_seconds or 0
        if lease >= AN_HOUR and not worker.lease_extension:
            logger.info(_LONG, name, lease)
