"""How long to wait between attempts: exponential, jittered, from half a second to half a minute."""

from __future__ import annotations

import random

FIRST = 0.5
CAP = 30.0
LONGEST_RETRY_AFTER = 60.0
"""Seconds; a server that asks for more is asked again after so much."""


class Backoff:
    """Seconds to wait after one failure after another. Not thread-safe: one per loop.

    factor: by how much each wait is longer than the one before. With 1.5 the next attempt comes within about half the
    time that an outage has lasted. The jitter takes at most a fifth away: never more than two attempts in a second.
    """

    def __init__(self, factor: float = 1.5) -> None:
        self._factor = factor
        self._longest = FIRST

    def next(self, retry_after: float | None = None) -> float:
        """Seconds to wait after one more failure. retry_after: what the server asked for instead, if it did."""
        longest, self._longest = self._longest, min(CAP, self._factor * self._longest)
        if retry_after is not None and retry_after >= FIRST:  # else it says nothing about how to wait
            return min(retry_after, LONGEST_RETRY_AFTER)
        return longest * random.uniform(0.8, 1.0)  # noqa: S311 - spreads load, guards nothing

    def reset(self) -> None:
        """The last attempt succeeded."""
        self._longest = FIRST
