"""Calls about the queues that workers poll."""

from __future__ import annotations

from typing import Any

from conductor.testing.engine.records.records import TaskRecord, Wire
from conductor.testing.engine.state.state import State


class Queues:
    """Sizes, polls, and the work that is open."""

    def __init__(self, state: State) -> None:
        self._state = state

    def size(self, task_type: str, domain: str | None) -> int:
        """The number of waiting tasks, also of those that cannot be polled yet."""
        with self._state.transaction():
            queue = self._state.queues.get((task_type, domain))
            return len(queue) if queue else 0

    def sizes(self) -> dict[str, int]:
        """The sizes of all queues by name. With a domain the name is ``domain:type``."""
        with self._state.transaction():
            sizes = {_queue_name(*key): len(queue) for key, queue in self._state.queues.items()}
            return {"_deciderQueue": len(self._state.workflows), **dict(sorted(sizes.items()))}

    def details(self) -> dict[str, Any]:
        """The same in the shape of ``/queue/all/verbose``. A polled task is acked at once, so none is unacked."""
        return {name: {"a": {"size": size, "uacked": 0}} for name, size in self.sizes().items()}

    def poll_data(self, task_type: str | None = None) -> list[Wire]:
        """The last poll of each queue, or of the queues of a task type."""
        with self._state.transaction():
            found = [poll for poll in self._state.polls.values() if task_type in {None, poll["queueName"]}]
            return sorted(found, key=lambda poll: (poll["queueName"], poll.get("domain", "")))

    def requeue(self, task_type: str) -> int:
        """Put every open task of a type into its queue again, also running ones. Returns their number."""
        with self._state.transaction():
            found = [
                task for _, task in self._state.tasks.values() if task.wire["taskType"] == task_type and not task.ended
            ]
            for task in found:
                self._state.enqueue(task, task.wire["callbackAfterSeconds"])
            return len(found)

    def open_work(self) -> list[Wire]:
        """Tasks that are queued or running now. ``visibleTime``: when it can be polled; missing if it runs."""
        with self._state.transaction():
            return [_open_task(task) for _, task in self._state.tasks.values() if not task.ended]


def _queue_name(task_type: str, domain: str | None) -> str:
    return task_type if domain is None else f"{domain}:{task_type}"


def _open_task(task: TaskRecord) -> Wire:
    found = {name: task.wire[name] for name in ("taskId", "taskDefName", "taskType", "status", "workflowInstanceId")}
    found |= {name: task.wire[name] for name in ("domain", "retriedTaskId") if task.wire.get(name)}
    if task.visible_at is not None:
        found["visibleTime"] = int(task.visible_at * 1000)
    return found
