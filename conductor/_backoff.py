"""Growing pauses between attempts: exponential, with jitter, from half a second to half a minute."""

from __future__ import annotations

import random

FIRST = 0.5
CAP = 30.0
LONGEST_RETRY_AFTER = 60.0
"""Seconds. A longer Retry-After of a server is cut to this."""


class Backoff:
    """The pauses after successive failures. Not thread-safe: use one per loop.

    factor: each pause is longer than the last one by this factor. With 1.5 the next attempt comes within about half the
    time that an outage has lasted. The jitter shortens a pause by at most a fifth.
    """

    def __init__(self, factor: float = 1.5) -> None:
        self._factor = factor
        self._longest = FIRST

    def next(self, retry_after: float | None = None) -> float:
        """The pause in seconds after one more failure. retry_after: the pause that the server has asked for, if any."""
        longest, self._longest = self._longest, min(CAP, self._factor * self._longest)
        if retry_after is not None and retry_after >= FIRST:  # a shorter one gives no useful pause
            return min(retry_after, LONGEST_RETRY_AFTER)
        return longest * random.uniform(0.8, 1.0)  # noqa: S311 - spreads load, guards nothing

    def reset(self) -> None:
        """The last attempt succeeded."""
        self._longest = FIRST
