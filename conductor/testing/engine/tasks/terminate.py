"""TERMINATE: ends its workflow."""

from __future__ import annotations

from conductor.testing.engine.records.records import TaskRecord, Wire
from conductor.testing.engine.tasks.kind import EngineTask, Run
from conductor.testing.engine.tasks.outcome import complete, fail

_STATUSES = ("COMPLETED", "FAILED", "TERMINATED")


class Terminate(EngineTask):
    """When it is completed, its workflow ends with the status and the output that it names."""

    def problems(self, step: Wire, where: str) -> list[str]:  # noqa: ARG002 - of the protocol
        problems = []
        name, status = step.get("name"), str(step["inputParameters"].get("terminationStatus"))
        if step["optional"]:
            problems.append(f"terminate task cannot be optional, taskName: {name}")
        if status not in _STATUSES:
            problems.append(
                "terminate task must have an terminationStatus parameter and must be set to COMPLETED or FAILED, "
                f"taskName: {name}"
            )
        return problems

    def execute(self, run: Run, task: TaskRecord) -> bool:  # noqa: ARG002 - of the protocol
        given = task.wire["inputData"]
        if given.get("terminationStatus") not in _STATUSES:
            return fail(task, "given termination status is not valid")
        output = given.get("workflowOutput")
        if output is not None:
            task.wire["outputData"] = dict(output) if isinstance(output, dict) else {"output": output}
        return complete(task)
