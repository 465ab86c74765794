"""The scripts of one engine, and the time that they may take."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from conductor.testing.scripts.javascript import Answer, evaluate
from conductor.testing.scripts.jq import JqProcess

TIME_LIMIT = 4.0
"""Seconds for all scripts of one transaction together. The server gives as many to a script of JavaScript (3.32.3)."""
LEAST = 0.2
"""Seconds that a script has also if others have used up the time. Nearly all need less."""


class Scripts:
    """Runs scripts. Not thread-safe: the lock of the engine guards it, so the rest of the engine waits meanwhile."""

    def __init__(self) -> None:
        self._jq = JqProcess()
        self._left = TIME_LIMIT

    def begin(self) -> None:
        """Begin a transaction."""
        self._left = TIME_LIMIT

    @property
    def have_time(self) -> bool:
        """Whether the scripts of this transaction have time left."""
        return self._left > 0

    def evaluate(self, script: str, bindings: Mapping[str, Any]) -> Answer:
        """The answer of a script of JavaScript. ScriptError, TimeLimitError."""
        with self._time() as limit:
            return evaluate(script, bindings, limit)

    def transform(self, query: str, given: Mapping[str, Any]) -> list[Any]:
        """The values that a JQ query makes of a JSON object. ScriptError, TimeLimitError."""
        with self._time() as limit:
            return self._jq.transform(query, given, limit)

    def close(self) -> None:
        """End the process of JQ."""
        self._jq.close()

    @contextmanager
    def _time(self) -> Iterator[float]:
        """The time that the next script has."""
        began = time.monotonic()
        try:
            yield max(self._left, LEAST)
        finally:
            self._left -= time.monotonic() - began
