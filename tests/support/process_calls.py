"""Calls of worker functions in processes, without a runner."""

from dataclasses import dataclass, field

from conductor._flag import Flag
from conductor.context import TaskContext, WorkerContext
from conductor.models import Task


@dataclass
class Call:
    task: Task
    lost: Flag = field(default_factory=Flag)
    received: float = 0.0
    context: TaskContext | None = None

    def __post_init__(self):
        self.context = TaskContext(self.task, self.lost, WorkerContext(Flag()))
