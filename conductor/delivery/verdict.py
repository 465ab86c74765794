"""Decides the meaning of an error for the result that was sent. No other module does.

===========================================  ==========================================================
the server's answer to a result              verdict
===========================================  ==========================================================
none, 5xx, 429, 401, 403, and 3xx, other     LATER: the same result can still be accepted
4xx or 200 from a proxy in between
500 "JSON parse error", 400, 413, 422, and   REFUSED: this result is never accepted
other 4xx in Conductor's own JSON
404 "No such task (workflow) found", 409;    GONE: a result of this task is not needed any more
the task has ended meanwhile
===========================================  ==========================================================

The server is of version 3.32.3.
"""

from __future__ import annotations

import enum

from conductor.errors import ApiError, AuthenticationError, ConductorError, ConflictError, RateLimitedError, ServerError
from conductor.task_client import says_task_is_gone

ABOUT_THE_RESULT = (400, 413, 422)
"""Statuses that concern the result itself, also if a proxy sends them."""


class Verdict(enum.Enum):
    """See the table above."""

    LATER = enum.auto()
    REFUSED = enum.auto()
    GONE = enum.auto()


class CannotBeSentError(ConductorError):
    """A bug, and not the server, kept a result from being sent."""


class TaskHasEndedError(ConductorError):
    """The server shows the task in a final state."""


def verdict_of(error: ConductorError) -> Verdict:
    """The verdict depends on the error alone."""
    if isinstance(error, CannotBeSentError):
        return Verdict.REFUSED
    if says_task_is_gone(error) or isinstance(error, ConflictError | TaskHasEndedError):
        return Verdict.GONE
    if not isinstance(error, ApiError) or isinstance(error, RateLimitedError | AuthenticationError):
        return Verdict.LATER
    if isinstance(error, ServerError):  # its database may be away; it says retryable=false in that case too
        is_refusal = error.message.startswith("JSON parse error")
    elif error.status == 404:  # a proxy may have no route at the moment
        is_refusal = False
    else:
        is_refusal = error.conductor or error.status in ABOUT_THE_RESULT
    return Verdict.REFUSED if is_refusal else Verdict.LATER
