"""The times at which workflows must be looked at."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping

from conductor.testing.engine.records.records import WorkflowRecord


class Timers:
    """At most one time counts for each workflow, the earliest. workflows: the open ones, by id."""

    def __init__(self, workflows: Mapping[str, WorkflowRecord]) -> None:
        self._workflows = workflows
        self._timers: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._timers)

    def plan(self, workflow: WorkflowRecord, due: float | None) -> None:
        """Make sure that a workflow is looked at when something becomes due, or earlier."""
        if due is not None and (workflow.timer is None or due < workflow.timer):
            workflow.timer = due
            heapq.heappush(self._timers, (due, workflow.workflow_id))
            if len(self._timers) > 2 * len(self._workflows) + 64:
                self._timers = [timer for timer in self._timers if self._is_current(timer)]
                heapq.heapify(self._timers)

    def due(self, now: float) -> Iterator[WorkflowRecord]:
        """The workflows whose time has come. Their timers are taken away."""
        while self._timers and self._timers[0][0] <= now:
            timer = heapq.heappop(self._timers)
            if self._is_current(timer):
                workflow = self._workflows[timer[1]]
                workflow.timer = None
                yield workflow

    def next(self) -> float | None:
        """The earliest time, in seconds since the epoch."""
        while self._timers and not self._is_current(self._timers[0]):
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def _is_current(self, timer: tuple[float, str]) -> bool:
        workflow = self._workflows.get(timer[1])
        return workflow is not None and workflow.timer == timer[0]
