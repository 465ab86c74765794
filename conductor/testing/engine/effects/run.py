"""The changes that the work of a task may make: the protocol ``Run`` of the types of tasks."""

from __future__ import annotations

from dataclasses import dataclass

from conductor.testing.engine.effects.background import Background
from conductor.testing.engine.effects.events import Events
from conductor.testing.engine.effects.lives import Lives
from conductor.testing.engine.effects.scheduling import Scheduling
from conductor.testing.engine.records.records import BEFORE_OTHERS, TaskRecord, Wire, WorkflowRecord
from conductor.testing.engine.state.state import State
from conductor.testing.engine.tasks.kind import Making, Work


@dataclass(frozen=True)
class Effects:
    """All that the work of tasks may use to change something."""

    state: State
    scheduling: Scheduling
    lives: Lives
    background: Background
    events: Events


@dataclass(frozen=True)
class WorkflowRun:
    """A workflow whose open tasks are executed now."""

    workflow: WorkflowRecord
    making: Making
    effects: Effects

    def schedule(self, tasks: list[TaskRecord]) -> None:
        self.do_first(self.effects.scheduling.schedule(self.workflow, tasks, looks_again=True))

    def do_first(self, new: list[TaskRecord]) -> None:
        """Do the work of new tasks that is done before that of others, and before the workflow is looked at."""
        for task in new:
            if task.wire["taskType"] in BEFORE_OTHERS and not task.ended:
                self.making.kinds.of_task(task).execute(self, task)
                self.effects.state.save_task(task)

    def start(self, request: Wire, parent: TaskRecord | None = None) -> WorkflowRecord:
        return self.effects.lives.start(request, parent)

    def level(self) -> int:
        return self.effects.lives.level(self.workflow)

    def in_background(self, task: TaskRecord, work: Work) -> bool:
        return self.effects.background.start(task.task_id, work)

    def publish(self, event: str, message_id: str, payload: Wire) -> None:
        self.effects.events.publish(event, message_id, payload)

    def forget(self, tasks: list[TaskRecord]) -> None:
        self.effects.state.forget_tasks(self.workflow, tasks)
