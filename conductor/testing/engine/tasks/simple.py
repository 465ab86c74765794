"""Tasks for workers: SIMPLE ones, and those of types that the server does not know."""

from __future__ import annotations

from conductor.testing.engine.records.records import TaskRecord, Wire
from conductor.testing.engine.tasks.kind import RATE_LIMITS, EngineTask, Making


class UserDefined(EngineTask):
    """A type that the server does not know. Its own name is the name of its queue."""

    for_workers = True

    def make(self, making: Making, step: Wire, retry_count: int) -> list[TaskRecord]:
        task = making.delayed(step, retry_count)
        task.wire.update({member: task.definition[member] for member in RATE_LIMITS})
        return [task]


class Simple(UserDefined):
    """The usual task of a worker."""

    def make(self, making: Making, step: Wire, retry_count: int) -> list[TaskRecord]:
        (task,) = super().make(making, step, retry_count)
        task.wire["taskType"] = step["name"]
        task.wire["startDelayInSeconds"] = step["startDelay"]
        task.wire["responseTimeoutSeconds"] = task.definition["responseTimeoutSeconds"]
        return [task]
