"""The polls of the workers of each queue. Clients see the last one, the page all that are not long ago."""

from __future__ import annotations

from collections import defaultdict

from conductor.testing.engine.state.queues import QueueKey

MOST_KEPT = 20  # workers of a queue
FORGOTTEN_AFTER = 600_000  # milliseconds without a poll; the last worker of a queue is kept


class Polls:
    """The time of the last poll of each worker, in milliseconds since the epoch. A worker may have no name."""

    def __init__(self) -> None:
        self._times: defaultdict[QueueKey, dict[str | None, int]] = defaultdict(dict)  # the latest is at the end

    def note(self, queue: QueueKey, worker_id: str | None, now_ms: int) -> None:
        """A worker polls."""
        times = self._times[queue]
        times.pop(worker_id, None)
        times[worker_id] = now_ms
        if len(times) > MOST_KEPT:
            del times[next(iter(times))]

    def last(self) -> dict[QueueKey, tuple[str | None, int]]:
        """The last worker of each queue, and the time of its poll."""
        return {queue: next(reversed(times.items())) for queue, times in self._times.items()}

    def last_time(self, queue: QueueKey) -> int | None:
        """The time of the last poll of a queue. None: there was none."""
        return next(reversed(self._times.get(queue, {}).values()), None)

    def workers(self, queue: QueueKey, now_ms: int) -> dict[str, int]:
        """The workers of a queue, the latest first, with the times of their last polls."""
        found = list(reversed(self._times.get(queue, {}).items()))
        fresh = [each for each in found[1:] if now_ms - each[1] < FORGOTTEN_AFTER]
        return {worker_id or "": time for worker_id, time in found[:1] + fresh}
