"""Calls by which a test has a task delivered once more. Clients do not have them."""

from __future__ import annotations

from collections.abc import Iterable

from conductor.testing.engine.deciding.timeouts import end_lease
from conductor.testing.engine.effects.mover import Mover
from conductor.testing.engine.state.state import State
from conductor.testing.engine.tasks.registry import Kinds


class Deliveries:
    """Changes the deliveries of tasks of workers."""

    def __init__(self, state: State, kinds: Kinds, mover: Mover) -> None:
        self._state = state
        self._kinds = kinds
        self._mover = mover

    def repeat(self, task_ids: Iterable[str]) -> None:
        """Put open tasks at the end of their queues, also running ones."""
        with self._state.transaction():
            for task_id in task_ids:
                found = self._state.find_task(task_id)
                if found is not None and self._kinds.is_for_workers(found[1]) and not found[1].ended:
                    self._state.queues.put(found[1], 0)

    def end_lease(self, task_id: str) -> None:
        """Let the lease of a running task run out. Its retry is queued at once, without the delay of its definition."""
        with self._state.transaction():
            found = self._state.find_task(task_id)
            if found is None or found[1].status != "IN_PROGRESS" or found[0].wire["status"] != "RUNNING":
                return
            workflow, task = found
            end_lease(task)
            self._state.save_task(task)
            self._mover.decide(workflow)
            for retry in workflow.tasks:
                if retry.wire.get("retriedTaskId") == task_id and retry.visible_at is not None:
                    self._state.queues.put(retry, 0)
