"""NOOP: does nothing."""

from __future__ import annotations

from conductor.testing.engine.records.records import TaskRecord, Wire
from conductor.testing.engine.tasks.kind import EngineTask, Making, Run
from conductor.testing.engine.tasks.outcome import complete


class Noop(EngineTask):
    """It has no input (3.32.3)."""

    def make(self, making: Making, step: Wire, retry_count: int) -> list[TaskRecord]:
        return [making.new(step, retry_count, "IN_PROGRESS")]

    def execute(self, run: Run, task: TaskRecord) -> bool:  # noqa: ARG002 - of the protocol
        return complete(task)
