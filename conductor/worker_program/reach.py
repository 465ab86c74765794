"""Waits for a server at the start of a program."""

from __future__ import annotations

import threading
import time

from conductor._backoff import Backoff
from conductor.errors import ApiError, ConductorError, RateLimitedError, ServerError
from conductor.executor import TaskExecutor
from conductor.settings import HttpSettings
from conductor.transport import ApiClient

PROBE = "conductor_worker_reach"
"""The task type in the question. Its queue need not exist (server 3.32.3)."""
CONNECT_WITHIN, ANSWER_WITHIN = 5.0, 10.0


def require_server(server: str | None, within: float) -> None:
    """Block until the server answers a request with this program's access key.

    server: its URL; None: from the environment. within: seconds.

    ConductorError: it has not answered in time, or the answer is a refusal, after which there is nothing to wait for.
    """
    settings = HttpSettings(
        server, connect_timeout=min(CONNECT_WITHIN, within), read_timeout=min(ANSWER_WITHIN, within)
    )
    until = time.monotonic() + within
    backoff, pause = Backoff(), threading.Event()
    with ApiClient(http_settings=settings) as client:
        executor = TaskExecutor(client)
        while True:
            try:
                executor.queue_sizes(PROBE)
            except ConductorError as error:
                if isinstance(error, ApiError) and not isinstance(error, ServerError | RateLimitedError):
                    raise
                wait = backoff.next()
                if time.monotonic() + wait >= until:
                    raise ConductorError(f"no server at {settings.route} within {within:g} s: {error}") from error
                pause.wait(wait)
            else:
                return
