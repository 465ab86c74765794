"""The changes that the work of a task may make: the protocol ``Run`` of the types of tasks."""

from __future__ import annotations

from dataclasses import dataclass

from conductor.testing.engine.effects.lives import Lives
from conductor.testing.engine.effects.scheduling import Scheduling
from conductor.testing.engine.records.records import TaskRecord, Wire, WorkflowRecord
from conductor.testing.engine.tasks.kind import Making


@dataclass(frozen=True)
class WorkflowRun:
    """A workflow whose open tasks are executed now."""

    workflow: WorkflowRecord
    making: Making
    scheduling: Scheduling
    lives: Lives

    def schedule(self, tasks: list[TaskRecord]) -> None:
        self.scheduling.schedule(self.workflow, tasks)

    def start(self, request: Wire, parent: TaskRecord | None = None) -> WorkflowRecord:
        return self.lives.start(request, parent)

    def level(self) -> int:
        return self.lives.level(self.workflow)
