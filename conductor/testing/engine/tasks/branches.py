"""The branch that a SWITCH or a DECISION takes."""

from __future__ import annotations

from conductor.testing.engine.records.records import TaskRecord, Wire
from conductor.testing.engine.tasks.kind import Making


def begin_branch(making: Making, choice: TaskRecord, branch: list[Wire]) -> list[TaskRecord]:
    """The tasks with which the branch begins. The choice notes whether there are any."""
    if not branch:
        return []
    choice.wire["inputData"]["hasChildren"] = "true"
    return making.begin(branch[0], choice.wire["retryCount"])
