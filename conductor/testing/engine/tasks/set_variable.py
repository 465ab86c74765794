"""SET_VARIABLE: sets variables of the workflow."""

from __future__ import annotations

from conductor.testing.engine.records.records import TaskRecord
from conductor.testing.engine.records.sizes import payload_size
from conductor.testing.engine.tasks.kind import EngineTask, Run
from conductor.testing.engine.tasks.outcome import FAILED_FOR_GOOD, complete, fail

_LIMIT = 256 * 1024


class SetVariable(EngineTask):
    """It adds its input to the variables."""

    def execute(self, run: Run, task: TaskRecord) -> bool:
        workflow = run.workflow
        variables = {**workflow.wire["variables"], **task.wire["inputData"]}
        size = payload_size(variables)
        if size is None:
            return fail(task, f"The variables of workflow: {workflow.workflow_id} are nested too deep", FAILED_FOR_GOOD)
        if size > _LIMIT:
            text = (
                f"The variables payload size: {size} of workflow: {workflow.workflow_id} is greater than the "
                f"permissible limit: {_LIMIT // 1024} kilobytes"
            )
            return fail(task, text, FAILED_FOR_GOOD)
        workflow.wire["variables"] = variables
        return complete(task)
