"""The branches of choices and forks."""

from __future__ import annotations

from conductor.testing.engine.records.records import TaskRecord, Wire
from conductor.testing.engine.records.refusals import Termination
from conductor.testing.engine.tasks.kind import Making


def begin_branch(making: Making, choice: TaskRecord, branch: list[Wire]) -> list[TaskRecord]:
    """The tasks with which the branch begins. The choice notes whether there are any."""
    if not branch:
        return []
    choice.wire["inputData"]["hasChildren"] = "true"
    return making.begin(branch[0], choice.wire["retryCount"])


def new_fork(making: Making, step: Wire, retry_count: int) -> TaskRecord:
    """The task of a fork, which is done at once."""
    fork = making.new(step, retry_count, "COMPLETED")
    fork.wire.update(taskType="FORK", taskDefName="FORK", endTime=making.now_ms)
    return fork


def join_after(making: Making, fork: Wire, otherwise: str) -> Wire:
    """The step of the JOIN that must follow. otherwise: the reason to end the workflow if it does not."""
    step = making.workflow.blueprint.next_task(fork["taskReferenceName"])
    if step is None or step["type"] != "JOIN":
        raise Termination(otherwise)
    return step
