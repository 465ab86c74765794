"""Calls about the queues that workers poll."""

from __future__ import annotations

import sys
import time
from itertools import starmap
from typing import Any

from conductor._stopping import is_stopping
from conductor.testing.engine.effects.mover import Mover
from conductor.testing.engine.records.records import TaskRecord, Wire, WorkflowRecord
from conductor.testing.engine.records.refusals import Refusal
from conductor.testing.engine.records.rendering import render_task
from conductor.testing.engine.state.queues import QueueKey, TaskQueue
from conductor.testing.engine.state.state import State

_LONGEST_POLL_MS = 5000


class Queues:
    """Polls, sizes, and the work that is open.

    hold_until_count: polls wait for as many tasks as they ask for, as servers on SQL databases do.
    """

    def __init__(self, state: State, mover: Mover, *, hold_until_count: bool) -> None:
        self._state = state
        self._mover = mover
        self._hold_until_count = hold_until_count

    def poll(
        self, task_type: str, worker_id: str | None, domain: str | None, count: int, timeout_ms: int
    ) -> list[Wire]:
        """Deliver up to ``count`` tasks, which become IN_PROGRESS. Refusal 400.

        Waits up to timeout_ms of real time for the first task, or with hold_until_count for all of them. For a stopping
        worker of this process it does not wait.
        """
        if timeout_ms > _LONGEST_POLL_MS:
            raise Refusal(400, "Long Poll Timeout value cannot be more than 5 seconds")
        wanted = sys.maxsize if count < 0 else count  # for SQLite a negative LIMIT is no limit
        deadline = time.monotonic() + max(0, timeout_ms) / 1000
        tasks: list[TaskRecord] = []
        with self._state.lock:
            queue = self._state.queues.of(task_type, domain)
            while True:
                with self._state.transaction():
                    while len(tasks) < wanted and (found := self._state.queues.next(queue)) is not None:
                        self._hand_out(*found, worker_id)
                        tasks.append(found[1])
                    self._state.queues.polls.note((task_type, domain), worker_id, self._state.now_ms)
                    remaining = deadline - time.monotonic()
                    enough = len(tasks) >= wanted or (tasks and not self._hold_until_count)
                    if enough or remaining <= 0 or is_stopping((worker_id or "", task_type, domain)):
                        return [render_task(task, self._state.now_ms) for task in tasks]
                self._await_arrival(queue, remaining)

    def _hand_out(self, workflow: WorkflowRecord, task: TaskRecord, worker_id: str | None) -> None:
        wire = task.wire
        wire["status"] = "IN_PROGRESS"
        wire["startTime"] = wire["startTime"] or self._state.now_ms
        wire["callbackAfterSeconds"] = 0
        wire["pollCount"] += 1
        if worker_id is None:
            wire.pop("workerId", None)
        else:
            wire["workerId"] = worker_id
        self._state.save_task(task)
        self._mover.plan(workflow)

    def _await_arrival(self, queue: TaskQueue, remaining: float) -> None:
        due = queue.next_due()
        until_due = None if due is None else self._state.clock.real_seconds_until(due)
        queue.arrived.wait(remaining if until_due is None else min(remaining, until_due + 0.001))

    def size(self, task_type: str, domain: str | None) -> int:
        """The number of waiting tasks, also of those that cannot be polled yet."""
        with self._state.transaction():
            return self._state.queues.sizes().get((task_type, domain), 0)

    def sizes(self) -> dict[str, int]:
        """The sizes of all queues by name. With a domain the name is ``domain:type``."""
        with self._state.transaction():
            sizes = {_queue_name(*key): size for key, size in self._state.queues.sizes().items()}
            return {"_deciderQueue": len(self._state.workflows), **dict(sorted(sizes.items()))}

    def details(self) -> dict[str, Any]:
        """The same in the shape of ``/queue/all/verbose``. A polled task is acked at once, so none is unacked."""
        return {name: {"a": {"size": size, "uacked": 0}} for name, size in self.sizes().items()}

    def poll_data(self, task_type: str | None = None) -> list[Wire]:
        """The last poll of each queue, or of the queues of a task type."""
        with self._state.transaction():
            polls = starmap(_poll_data, self._state.queues.polls.last().items())
            found = [poll for poll in polls if task_type in {None, poll["queueName"]}]
            return sorted(found, key=lambda poll: (poll["queueName"], poll.get("domain", "")))

    def requeue(self, task_type: str) -> int:
        """Put every open task of a type into its queue again, also running ones. Returns their number."""
        with self._state.transaction():
            found = [
                task for _, task in self._state.tasks.values() if task.wire["taskType"] == task_type and not task.ended
            ]
            for task in found:
                self._state.queues.put(task, task.wire["callbackAfterSeconds"])
            return len(found)

    def open_work(self) -> list[Wire]:
        """Tasks that are queued or running now. ``visibleTime``: when it can be polled; missing if it runs."""
        with self._state.transaction():
            return [_open_task(task) for _, task in self._state.tasks.values() if not task.ended]


def _queue_name(task_type: str, domain: str | None) -> str:
    return task_type if domain is None else f"{domain}:{task_type}"


def _poll_data(queue: QueueKey, poll: tuple[str | None, int]) -> Wire:
    (task_type, domain), (worker_id, time_ms) = queue, poll
    found: Wire = {"queueName": task_type, "lastPollTime": time_ms}
    found |= {} if domain is None else {"domain": domain}
    return found if worker_id is None else {**found, "workerId": worker_id}


def _open_task(task: TaskRecord) -> Wire:
    found = {name: task.wire[name] for name in ("taskId", "taskDefName", "taskType", "status", "workflowInstanceId")}
    found |= {name: task.wire[name] for name in ("domain", "retriedTaskId") if task.wire.get(name)}
    if task.visible_at is not None:
        found["visibleTime"] = int(task.visible_at * 1000)
    return found
