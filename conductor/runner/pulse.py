"""The moments of one poll thread, from which its health follows."""

from __future__ import annotations

from datetime import UTC, datetime

from conductor.errors import AuthenticationError
from conductor.health import LastError


class Pulse:
    """The poll thread writes it, and any thread reads it. There is no lock, because each moment is one attribute.

    The moments are on the runner's clock.

    began: the begin of the poll under way, its interceptors included; None between two polls.
    held: the seconds for which the server may hold that poll.
    good_at: the begin of the last good poll; None before it.
    fails_since: the begin of the first poll that failed after the last good one; None after a good one.
    is_refused: the server refused the last poll with 401 or 403.
    died_at: the end of the thread, if an error ended it.
    """

    __slots__ = ("began", "died_at", "fails_since", "good_at", "held", "is_refused", "last_error")

    def __init__(self) -> None:
        self.began: float | None = None
        self.held = 0.0
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
