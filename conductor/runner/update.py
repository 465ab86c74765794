"""Sending a result until the server has it: retried with growing pauses, for as long as the result can matter."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from conductor import _recording
from conductor._backoff import Backoff
from conductor.errors import ApiError, AuthenticationError, ConductorError, RateLimitedError, ServerError
from conductor.task_client import Delivery, TaskClient
from conductor.task_result import TaskResult

logger = logging.getLogger(__name__)

T = TypeVar("T")

KEEP_AT_LEAST = 15 * 60.0
"""Seconds after its poll that a result is kept, even when the task's own response timeout is shorter."""

PROBE_V2_EVERY = 5 * 60.0
"""Seconds until update-v2 is tried again on a server that did not have it."""

NOTHING = Delivery([], [])


class Updater:
    """Sends the results of one worker. Thread-safe.

    left_behind: set when a result is given up or refused whose task the server still waits for.
    """

    def __init__(self, client: TaskClient, task_name: str, left_behind: threading.Event) -> None:
        self._client = client
        self._task_name = task_name
        self._left_behind = left_behind
        self._abandoned = threading.Event()
        self._v2_again_at = 0.0

    def abandon(self) -> None:
        """From now on give up what is not accepted at its next attempt."""
        self._abandoned.set()

    def send(self, result: TaskResult, keep_until: float, may_poll: Callable[[], bool] = lambda: False) -> Delivery:
        """Blocks until the result is accepted, refused for good, or given up (both logged as errors).

        keep_until: on the monotonic clock. may_poll, asked before each attempt: whether the answer may be a next task.
        """
        backoff = Backoff()
        while True:
            try:
                return self._attempt(result, may_poll())
            except ConductorError as error:
                if not _is_transient(error):
                    return self._lost(result, "refused", error)
                wait = min(backoff.next(), keep_until - time.monotonic())
                if wait <= 0 or self._abandoned.wait(wait):
                    return self._lost(result, "given up", error)

    def _attempt(self, result: TaskResult, may_poll: bool) -> Delivery:
        if may_poll and time.monotonic() >= self._v2_again_at:
            try:
                return self._timed(self._client.update_and_poll, result)
            except ApiError as error:
                if not _says_v2_is_missing(error):
                    raise
                self._v2_again_at = time.monotonic() + PROBE_V2_EVERY
                logger.warning("%s: the server has no update-v2, plain updates it is: %s", self._task_name, error)
        self._timed(self._client.update, result)
        return NOTHING

    def _timed(self, call: Callable[[TaskResult], T], result: TaskResult) -> T:
        started = time.perf_counter()
        error = None
        try:
            return call(result)
        except ConductorError as caught:
            error = caught
            raise
        finally:
            _recording.update_finished(self._task_name, time.perf_counter() - started, error)

    def _lost(self, result: TaskResult, why: str, error: ConductorError) -> Delivery:
        if not (isinstance(error, ApiError) and (_says_task_is_gone(error) or error.status == 409)):
            self._left_behind.set()
        logger.error(
            "%s: the %s result was %s: %s (task_id=%r workflow_instance_id=%r)",
            self._task_name,
            result.status,
            why,
            error,
            result.task_id,
            result.workflow_instance_id,
        )
        return NOTHING


def _is_transient(error: ConductorError) -> bool:
    """Whether the same result can be accepted later: no answer, a server's or a gateway's trouble, a refused token."""
    if not isinstance(error, ApiError) or isinstance(error, ServerError | RateLimitedError | AuthenticationError):
        return True
    if error.status == 404:
        return not _says_task_is_gone(error)
    return error.status == 408 or error.status < 400  # a redirect comes from something in between


def _says_task_is_gone(error: ApiError) -> bool:
    return error.conductor and error.message.startswith("No such ")  # … task found by id, … workflow found by id


def _says_v2_is_missing(error: ApiError) -> bool:
    """Servers before 3.21.12: 500 until 3.32.0 mapped it to 405; other routers answer 404."""
    if error.status == 404:
        return not _says_task_is_gone(error)
    return error.status == 405 or (error.status == 500 and "not supported" in error.message)
