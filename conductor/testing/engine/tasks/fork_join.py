"""FORK_JOIN: begins several branches."""

from __future__ import annotations

from conductor.testing.engine.records.records import TaskRecord, Wire
from conductor.testing.engine.tasks.branches import join_after, new_fork
from conductor.testing.engine.tasks.kind import EngineTask, Making


class ForkJoin(EngineTask):
    """The fork itself is done at once. The JOIN after it begins with the branches."""

    def problems(self, step: Wire, where: str) -> list[str]:
        return [] if step["forkTasks"] else [f"forkTasks should have atleast one task for {where}"]

    def make(self, making: Making, step: Wire, retry_count: int) -> list[TaskRecord]:
        """The fork, the first tasks of its branches, and the JOIN."""
        fork = new_fork(making, step, retry_count)
        fork.wire["inputData"] = making.filled(step["inputParameters"])
        join = join_after(making, step, "Fork task definition is not followed by a join task.  Check the blueprint")
        firsts = [branch[0] for branch in step["forkTasks"]]
        return [fork, *(task for first in [*firsts, join] for task in making.begin(first, retry_count))]
