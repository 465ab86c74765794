"""HUMAN: waits until somebody updates it."""

from __future__ import annotations

from conductor.testing.engine.records.records import TaskRecord
from conductor.testing.engine.tasks.kind import EngineTask, Run


class Human(EngineTask):
    """No worker can poll it."""

    def execute(self, run: Run, task: TaskRecord) -> bool:
        """A task of a retry begins at once. It waits for an update."""
        if task.status != "SCHEDULED":
            return False
        task.wire.update(status="IN_PROGRESS", startTime=run.making.now_ms)
        return True
