"""The tasks that wait for workers: their queues, the limits of their definitions, and the polls of the workers."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping

from conductor.testing.engine.records.records import TaskRecord, WorkflowRecord
from conductor.testing.engine.state.clock import Clock
from conductor.testing.engine.state.limits import Limits
from conductor.testing.engine.state.polls import Polls
from conductor.testing.engine.state.queues import QueueKey, TaskQueue

POSTPONED_SECONDS = 1.0
"""Seconds before a task over a limit is looked at again. The server's taskExecutionPostponeDuration is 60 s by default.
"""


class WorkerQueues:
    """The queues of all task types and domains. The lock of the state guards them.

    tasks: the open tasks by id. changed: gets the tasks that are to be written.
    """

    def __init__(
        self,
        clock: Clock,
        lock: threading.RLock,
        tasks: Mapping[str, tuple[WorkflowRecord, TaskRecord]],
        changed: dict[str, TaskRecord],
    ) -> None:
        self.polls = Polls()
        self._clock = clock
        self._lock = lock
        self._tasks = tasks
        self._changed = changed
        self._limits = Limits()
        self._queues: dict[QueueKey, TaskQueue] = defaultdict(lambda: TaskQueue(lock))

    def of(self, task_type: str, domain: str | None) -> TaskQueue:
        """The queue, which may be empty."""
        return self._queues[task_type, domain]

    def sizes(self) -> dict[QueueKey, int]:
        """The numbers of waiting tasks, also of those that cannot be polled yet."""
        return {key: len(queue) for key, queue in self._queues.items()}

    def put(self, task: TaskRecord, delay: float) -> None:
        """Put a worker's task into its queue, or move it. It can be polled after the seconds."""
        task.visible_at = self._clock.now() + delay
        self.put_back(task)
        self._changed[task.task_id] = task

    def put_back(self, task: TaskRecord) -> None:
        """Put a task into its queue again by the time that it has, if it has one: it has been read from the store."""
        if task.visible_at is not None:
            self._queue_of(task).push(task.task_id, task.visible_at, task.wire["workflowPriority"])

    def take_out(self, task: TaskRecord) -> None:
        """Take a task out of its queue, if it is in one."""
        if task.visible_at is not None:
            task.visible_at = None
            self._queue_of(task).remove(task.task_id)

    def next(self, queue: TaskQueue) -> tuple[WorkflowRecord, TaskRecord] | None:
        """Take out the next task that may start now. Those that a limit forbids are postponed."""
        while (task_id := queue.pop(self._clock.now())) is not None:
            workflow, task = self._tasks[task_id]
            if not self._limits.forbid(task, self._clock.now()):
                task.visible_at = None
                return workflow, task
            self.put(task, POSTPONED_SECONDS)
        return None

    def count(self, task: TaskRecord, *, exists: bool = True) -> None:
        """Note the status of a task for its limits. In place of one that runs no longer, the next can be polled."""
        if not self._limits.count(task, exists=exists):
            return
        for task_id in self._limits.postponed(task.wire["taskDefName"]):
            waiting = self._tasks.get(task_id)
            if waiting is not None and waiting[1].visible_at is not None:
                self.put(waiting[1], 0)
                return

    def wake(self) -> None:
        """Let the polls look again that wait for a task."""
        with self._lock:
            for queue in self._queues.values():
                queue.arrived.notify_all()

    def _queue_of(self, task: TaskRecord) -> TaskQueue:
        return self._queues[task.wire["taskType"], task.wire.get("domain")]
