"""The document that the expressions of a workflow read: the workflow, and its tasks by their reference names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from conductor.testing.engine.records.records import TaskRecord, WorkflowRecord

_FROM_WORKFLOW = ("correlationId", "parentWorkflowId", "parentWorkflowTaskId", "reasonForIncompletion", "status")
_FROM_TASK = (
    *("taskType", "status", "referenceTaskName", "retryCount", "correlationId", "pollCount", "taskDefName"),
    *("scheduledTime", "startTime", "endTime", "workflowInstanceId", "taskId", "reasonForIncompletion"),
    *("callbackAfterSeconds", "workerId", "iteration"),
)


def document_of(workflow: WorkflowRecord) -> Mapping[str, Any]:
    """The document of a workflow. A member is made when it is read, because a workflow may have thousands of tasks."""
    return _Document(workflow)


class _Document(Mapping[str, Any]):
    """Of several tasks with one reference name, such as the tries of a step, the last one counts."""

    def __init__(self, workflow: WorkflowRecord) -> None:
        self._workflow = workflow

    def __getitem__(self, name: str) -> Any:
        if name == "workflow":
            return _of_workflow(self._workflow)
        for task in reversed(self._workflow.tasks):
            if task.base_ref == name:
                return _of_task(task)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(["workflow", *(task.base_ref for task in self._workflow.tasks)]))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _of_workflow(workflow: WorkflowRecord) -> dict[str, Any]:
    wire = workflow.wire
    return {
        **{name: wire.get(name) for name in _FROM_WORKFLOW},
        "input": workflow.input,
        "output": workflow.output,
        "variables": wire["variables"],
        "workflowId": wire["workflowId"],
        "workflowType": wire["workflowName"],
        "version": wire["workflowVersion"],
        "schemaVersion": workflow.blueprint.definition["schemaVersion"],
    }


def _of_task(task: TaskRecord) -> dict[str, Any]:
    found = {name: task.wire.get(name) for name in _FROM_TASK}
    return {**found, "input": task.input, "output": task.output}
