"""The moments of one poll thread, from which its health follows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from conductor.errors import AuthenticationError
from conductor.health import LastError


class Step(NamedTuple):
    """A part of a poll. since: its begin.

    held: the seconds for which the server may hold the request; None: the step is code around it, as an interceptor.
    """

    since: float
    held: float | None = None


class Pulse:
    """The poll thread writes it, and any thread reads it. There is no lock, because each fact is one attribute.

    The moments are on the runner's clock.

    step: the part of the poll under way; None between two polls.
    good_at: the begin of the last good poll; None before it.
    fails_since: the begin of the first poll that failed after the last good one; None after a good one.
    is_refused: the server refused the last poll with 401 or 403.
    died_at: the end of the thread, if an error ended it.
    """

    __slots__ = ("died_at", "fails_since", "good_at", "is_refused", "last_error", "step")

    def __init__(self) -> None:
        self.step: Step | None = None
        self.good_at: float | None = None
        self.fails_since: float | None = None
        self.is_refused = False
        self.died_at: float | None = None
        self.last_error: LastError | None = None

    def failed(self, error: Exception, began: float) -> None:
        """The poll that began then has failed."""
        if self.fails_since is None:
            self.fails_since = began
        self.is_refused = isinstance(error, AuthenticationError)
        self.last_error = LastError("poll", str(error), datetime.now(UTC))
