"""DYNAMIC: a task whose name is in its input."""

from __future__ import annotations

from conductor.testing.engine.records.records import TaskRecord, Wire
from conductor.testing.engine.records.refusals import Termination
from conductor.testing.engine.tasks.kind import EngineTask, Making
from conductor.testing.engine.tasks.simple import Simple
from conductor.testing.expressions import as_text

_IN_NEED_OF_THEIR_STEP = frozenset({"DO_WHILE", "EXCLUSIVE_JOIN", "JOIN", "SUB_WORKFLOW"})
"""Types of tasks that cannot run without what only a step of their own type has."""


class Dynamic(EngineTask):
    """It begins as a SIMPLE task with the name (3.32.3)."""

    _begun_as = Simple()

    def problems(self, step: Wire, where: str) -> list[str]:
        return [] if "dynamicTaskNameParam" in step else [f"dynamicTaskNameParam field is required for {where}"]

    def make(self, making: Making, step: Wire, retry_count: int) -> list[TaskRecord]:
        given = making.filled(step["inputParameters"])
        member = step["dynamicTaskNameParam"]
        if given.get(member) is None:
            raise Termination(
                "Cannot map a dynamic task based on the parameter and input. "
                f"Parameter= {member}, input= {as_text(dict(given))}"
            )
        name = as_text(given[member])
        # The definition is that of the step's own name. Only a step of a dynamic fork may have none (3.32.3).
        definition = step.get("taskDefinition") or making.steps.task_def_of({"name": name, "type": "SIMPLE"})
        named = {**step, "name": name, "taskDefinition": definition}
        kind = making.kinds.of_step(named)  # another one if there is a stub for the name
        if kind is self and name in _IN_NEED_OF_THEIR_STEP:
            raise Termination(f"The name of a dynamic task cannot be {name}, which needs a step of its own type")
        return (self._begun_as if kind is self else kind).make(making, named, retry_count)
