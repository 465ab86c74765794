"""Polls, executions and failures per second of each task type, from the counts at two moments."""

from __future__ import annotations

import threading
from collections import Counter as Tally, deque
from collections.abc import Mapping

from conductor import _recording
from conductor.health import Rates

WINDOW = 60.0
"""Seconds that the rates cover, about. They cover more if the last reading is older than that."""
SHORTEST = 1.0
"""Seconds between two readings that are kept."""

_Counts = Mapping[tuple[str, str], float]
"""By the name of the instrument and the task type."""


class RateMeter:
    """Reads the counts when it is asked. Keeps the readings of a minute, and one from before. Thread-safe.

    It costs a task nothing. The first answer that knows a rate comes a second after the first reading.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the next
        self._readings: deque[tuple[float, _Counts]] = deque()

    def rates(self, now: float) -> dict[str, Rates]:
        """The rates by task type; empty while nothing is counted. now: on any monotonic clock, in seconds."""
        counts = _read()
        if counts is None:
            return {}
        with self._lock:
            readings = self._readings
            if not readings or now - readings[-1][0] >= SHORTEST:
                readings.append((now, counts))
            while len(readings) > 1 and now - readings[1][0] >= WINDOW:
                readings.popleft()
            began, before = readings[0]
        over = now - began
        if over < SHORTEST:
            return {}
        return {task_type: _rates(task_type, before, counts, over) for _, task_type in counts}


def _rates(task_type: str, before: _Counts, now: _Counts, over: float) -> Rates:
    polls, executions, failures = (
        (now.get((each.name, task_type), 0.0) - before.get((each.name, task_type), 0.0)) / over for each in _COUNTED
    )
    return Rates(polls=polls, executions=executions, failures=failures, over=over)


_COUNTED = _recording.polls, _recording.executions, _recording.execute_errors


def _read() -> _Counts | None:
    """None: nothing counts, because no MetricsCollector has been made."""
    counts: Tally[tuple[str, str]] = Tally()
    for instrument in _COUNTED:
        storage = instrument.storage
        if storage is None:
            return None
        for metric in storage.collect():
            for sample in metric.samples:
                if sample.name.endswith("_total"):
                    counts[instrument.name, sample.labels["taskType"]] += sample.value
    return counts
