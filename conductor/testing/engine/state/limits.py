"""The limits of task definitions: how many tasks run at once, and how many start within some time."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator

from conductor.testing.engine.records.records import TaskRecord


class Limits:
    """Counts the running tasks and the starts of each task definition that has limits."""

    def __init__(self) -> None:
        self._running: dict[str, set[str]] = defaultdict(set)  # ids by task definition, if the definition limits them
        self._postponed: dict[str, dict[str, None]] = defaultdict(dict)  # ids that wait for an end, the first one first
        self._starts: dict[str, deque[float]] = defaultdict(deque)  # the sliding windows of the rate limits

    def count(self, task: TaskRecord, *, exists: bool = True) -> bool:
        """Note the status of a task. Returns whether it runs no longer, so that another one may start."""
        if not task.definition.get("concurrentExecLimit"):
            return False
        name = task.wire["taskDefName"]
        running = self._running[name]
        if not exists or task.status != "SCHEDULED":
            self._postponed[name].pop(task.task_id, None)
        if exists and task.status == "IN_PROGRESS":
            running.add(task.task_id)
            return False
        ran = task.task_id in running
        running.discard(task.task_id)
        return ran

    def postponed(self, name: str) -> Iterator[str]:
        """The ids of the tasks that ``forbid`` has set aside. Each one that is taken is forgotten here."""
        waiting = self._postponed[name]
        while waiting:
            task_id = next(iter(waiting))
            del waiting[task_id]
            yield task_id

    def forbid(self, task: TaskRecord, now: float) -> bool:
        """Whether concurrentExecLimit or the rate limit forbids a start now. If not, this call counts as a start."""
        name = task.wire["taskDefName"]
        limit = task.definition.get("concurrentExecLimit") or 0
        if limit > 0 and len(self._running[name] - {task.task_id}) >= limit:
            self._postponed[name][task.task_id] = None
            return True
        rate = task.wire["rateLimitPerFrequency"]
        if rate <= 0:
            return False
        starts = self._starts[name]
        while starts and starts[0] <= now - task.wire["rateLimitFrequencyInSeconds"]:
            starts.popleft()
        if len(starts) >= rate:
            return True
        starts.append(now)
        return False
