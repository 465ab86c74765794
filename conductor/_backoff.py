"""How long to wait between attempts: exponential, jittered, from half a second to half a minute."""

from __future__ import annotations

import random

FIRST = 0.5
CAP = 30.0


class Backoff:
    """Seconds to wait after one failure after another. Not thread-safe: one per loop.

    The jitter takes at most a quarter away, so that even the first waits keep a failing loop under two calls a second.
    """

    def __init__(self) -> None:
        self._failures = 0

    def next(self) -> float:
        """Seconds to wait after one more failure."""
        longest = min(CAP, FIRST * 2.0 ** min(self._failures, 10))
        self._failures += 1
        return longest * random.uniform(0.75, 1.0)  # noqa: S311 - spreads load, guards nothing

    def reset(self) -> None:
        """The last attempt succeeded."""
        self._failures = 0
