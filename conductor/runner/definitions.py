"""Registers the task definitions that come with workers, and logs problems of the definitions that a server has."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

from conductor._backoff import Backoff
from conductor._clock import Clock
from conductor._flag import Flag
from conductor._log import logger_of
from conductor.errors import ApiError, ConductorError, RateLimitedError, ServerError
from conductor.runner.check import Problem, definition_after_start, problems_of, served_definition
from conductor.transport import ApiClient, metadata
from conductor.worker import Worker, WorkerKey

logger = logger_of(__name__)

REGISTER_WITHIN = 10.0
"""Seconds that a worker waits for the registration of its task definition before it polls without."""

_PASSING = (RateLimitedError, ServerError)
"""Errors of a server that may be able to answer later."""
_NOT_YET = "%s: its task definition is not registered yet, and polling begins: %s"
_WAITS = "%s: its task definition is not registered yet, and the first poll waits up to %g s for it: %s"
_LEVELS = {"error": logging.ERROR, "warning": logging.WARNING, "info": logging.INFO}


class Definitions:
    """The task definitions of one runner's workers. Thread-safe.

    A worker with ``register=True`` calls ``register`` before its first poll. ``look_at`` follows the first poll that is
    answered. It makes another attempt to register a definition, if the server could not be reached before.
    """

    def __init__(self, api_client: ApiClient, clock: Clock) -> None:
        self._api = api_client
        self._clock = clock
        self._closing = threading.Event()  # ends the pause of the thread
        self._lock = threading.Lock()  # guards everything below
        self._seen: set[WorkerKey] = set()
        self._logged: set[str] = set()  # texts of problems, because workers of one task type share some
        self._waiting: deque[Worker] = deque()
        self._is_running = False  # whether the thread runs

    def check(self, workers: Sequence[Worker], before_start: bool) -> list[Problem]:
        """See TaskRunner.check. before_start: the workers have not registered their definitions yet.

        A running worker may not have done so either.
        """
        timeout = self._api.http_settings.read_timeout
        names = dict.fromkeys(worker.task_name for worker in workers)
        with self._lock:
            settled = set() if before_start else set(self._seen)
        served = {name: served_definition(self._api, name, timeout) for name in names}
        for worker in workers:
            if worker.key not in settled:  # what it registers counts for the workers of other domains, too
                served[worker.task_name] = definition_after_start(worker, served[worker.task_name])
        return [problem for worker in workers for problem in problems_of(worker, served[worker.task_name])]

    def register(self, worker: Worker, closed: Flag) -> None:
        """Register the worker's definition. Blocks until the server has answered, for about REGISTER_WITHIN at most.

        The attempt is repeated while the server cannot be reached. closed: set when the worker stops.
        """
        until = self._clock.now() + REGISTER_WITHIN
        pauses, is_first = Backoff(), True
        while not closed:
            error = self._settle(worker)
            if error is None:
                with self._lock:
                    self._seen.add(worker.key)
                return
            pause = pauses.next(_retry_after(error))
            if self._clock.now() + pause > until:
                logger.error(_NOT_YET, worker.task_name, error)
                return
            if is_first:
                logger.warning(_WAITS, worker.task_name, REGISTER_WITHIN, error)
                is_first = False
            self._clock.wait(closed, pause)

    def look_at(self, worker: Worker) -> None:
        """Request the definition, once for each worker, on another thread. Returns at once."""
        with self._lock:
            if worker.key in self._seen:
                return
            self._seen.add(worker.key)
            self._waiting.append(worker)
            self._closing.clear()
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
            self._closing.set()

    def _run(self) -> None:
        pauses = Backoff()
        while (worker := self._next()) is not None:
            error = self._settle(worker)
            if error is None:
                pauses.reset()
            elif worker.registers:
                self._put_off(worker)
                self._clock.wait(self._closing, pauses.next(_retry_after(error)))
            else:
                logger.debug("%s: its task definition could not be read: %s", worker.task_name, error)

    def _next(self) -> Worker | None:
        with self._lock:
            self._is_running = bool(self._waiting)
            return self._waiting.popleft() if self._waiting else None

    def _put_off(self, worker: Worker) -> None:
        with self._lock:
            if not self._closing.is_set():
                self._waiting.append(worker)

    def _settle(self, worker: Worker) -> ConductorError | None:
        """Register the definition if the worker asks for it, and log its problems.

        Returns the error if the server has not answered, so that another attempt makes sense.
        """
        try:
            self._log_new(problems_of(worker, self._registered_or_served(worker)))
        except ConductorError as error:
            if not worker.registers or not isinstance(error, ApiError) or isinstance(error, _PASSING):
                return error
            logger.error("%s: its task definition is not registered: %s", worker.task_name, error)  # noqa: TRY400
        except Exception:
            logger.exception("%s: the look at its task definition ended in a bug", worker.task_name)
        return None

    def _log_new(self, problems: list[Problem]) -> None:
        with self._lock:
            new = [problem for problem in problems if problem.text not in self._logged]
            self._logged.update(problem.text for problem in new)
        for problem in new:
            logger.log(_LEVELS[problem.severity], "%s", problem.text)

    def _registered_or_served(self, worker: Worker) -> dict[str, Any] | None:
        """The definition that the server has now, after the worker's own one is registered."""
        timeout, registration = self._api.short_timeout, worker.registration
        served = None
        if registration is None or not registration.overwrite:
            served = served_definition(self._api, worker.task_name, timeout)
        if registration is None or not registration.register or served is not None:
            return served
        given: Any = [registration.task_def]
        self._api.call_within(timeout, metadata.register_task_defs.sync, given)
        logger.info("%s: its task definition is registered", worker.task_name)
        return definition_after_start(worker, None)


def _retry_after(error: ConductorError) -> float | None:
    return error.retry_after if isinstance(error, ApiError) else None
