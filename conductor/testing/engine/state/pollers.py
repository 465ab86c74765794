"""The workers that have polled each queue lately. The poll data of the server name only the last one."""

from __future__ import annotations

from collections import defaultdict

MOST_KEPT = 20  # workers of a queue
FORGOTTEN_AFTER = 600_000  # milliseconds without a poll; the last worker of a queue is kept


class Pollers:
    """The time of the last poll of each worker, for each queue: a task type and a domain."""

    def __init__(self) -> None:
        self._last: defaultdict[tuple[str, str | None], dict[str, int]] = defaultdict(dict)

    def note(self, queue: tuple[str, str | None], worker_id: str | None, now_ms: int) -> None:
        """A worker polls. worker_id: None if it does not tell its name."""
        workers = self._last[queue]
        workers.pop(worker_id or "", None)
        workers[worker_id or ""] = now_ms  # the latest is at the end
        if len(workers) > MOST_KEPT:
            del workers[next(iter(workers))]

    def of(self, queue: tuple[str, str | None], now_ms: int) -> dict[str, int]:
        """The workers of a queue, the latest first, with the times of their last polls."""
        workers = list(reversed(self._last.get(queue, {}).items()))
        return dict(workers[:1] + [each for each in workers[1:] if now_ms - each[1] < FORGOTTEN_AFTER])
