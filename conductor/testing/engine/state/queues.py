"""The queues that workers poll: one for each task type and domain, ordered by priority, due time and age."""

from __future__ import annotations

import heapq
import itertools
import threading

QueueKey = tuple[str, str | None]
"""A task type and a domain."""


class TaskQueue:
    """Ids of tasks, each with a time from which it can be polled. The owner's lock guards it."""

    def __init__(self, lock: threading.RLock) -> None:
        self.arrived = threading.Condition(lock)
        self._ages = itertools.count()
        self._entries: dict[str, tuple[float, int, int]] = {}  # id: due, priority, age; other heap entries are old
        self._waiting: list[tuple[float, int, str]] = []  # due, age, id
        self._ready: list[tuple[int, float, int, str]] = []  # -priority, due, age, id

    def __len__(self) -> int:
        return len(self._entries)

    def push(self, task_id: str, due: float, priority: int) -> None:
        """Put an id in, or move it. It is in the queue once."""
        age = next(self._ages)
        self._entries[task_id] = (due, priority, age)
        heapq.heappush(self._waiting, (due, age, task_id))
        if len(self._waiting) + len(self._ready) > 2 * len(self._entries) + 64:
            self._forget_old_places()
        self.arrived.notify_all()

    def remove(self, task_id: str) -> None:
        self._entries.pop(task_id, None)

    def pop(self, now: float) -> str | None:
        """Take out the next id."""
        while self._waiting and self._waiting[0][0] <= now:
            due, age, task_id = heapq.heappop(self._waiting)
            if self._is_current(task_id, age):
                heapq.heappush(self._ready, (-self._entries[task_id][1], due, age, task_id))
        while self._ready:
            _, _, age, task_id = heapq.heappop(self._ready)
            if self._is_current(task_id, age):
                del self._entries[task_id]
                return task_id
        return None

    def next_due(self) -> float | None:
        """The next time at which an id can be polled that cannot be polled yet."""
        while self._waiting and not self._is_current(self._waiting[0][2], self._waiting[0][1]):
            heapq.heappop(self._waiting)
        return self._waiting[0][0] if self._waiting else None

    def _is_current(self, task_id: str, age: int) -> bool:
        entry = self._entries.get(task_id)
        return entry is not None and entry[2] == age

    def _forget_old_places(self) -> None:
        self._ready = [place for place in self._ready if self._is_current(place[3], place[2])]
        self._waiting = [place for place in self._waiting if self._is_current(place[2], place[1])]
        heapq.heapify(self._ready)
        heapq.heapify(self._waiting)
