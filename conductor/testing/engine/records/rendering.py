"""Tasks and workflows as answers show them."""

from __future__ import annotations

from conductor.testing.engine.records.records import TaskRecord, Wire, WorkflowRecord

_NO_METADATA: Wire = {"additionalContext": {}, "empty": True, "additionalContextMap": {}}


def render_task(task: TaskRecord, now_ms: int) -> Wire:
    """The task for an answer. It shares values with the record: write it as JSON at once, and do not change it."""
    wire = task.wire
    rendered = {"executionMetadata": _NO_METADATA, **wire, "loopOverTask": wire["iteration"] > 0}
    rendered["queueWaitTime"] = _queue_wait(wire, now_ms)
    if task.workflow_task:
        rendered["workflowTask"] = task.workflow_task
        if task.definition:
            rendered["taskDefinition"] = task.definition
    return rendered


def _queue_wait(wire: Wire, now_ms: int) -> int:
    if not (wire["startTime"] and wire["scheduledTime"]):
        return 0
    if wire["updateTime"] and wire["callbackAfterSeconds"]:
        return int(max(0, now_ms - wire["updateTime"] - 1000 * wire["callbackAfterSeconds"]))
    return int(wire["startTime"] - wire["scheduledTime"])


def render_workflow(workflow: WorkflowRecord, now_ms: int, *, include_tasks: bool = True) -> Wire:
    """The workflow for an answer, which shares values as that of ``render_task`` does."""
    tasks = [render_task(task, now_ms) for task in workflow.tasks] if include_tasks else []
    return {**workflow.wire, "tasks": tasks, "workflowDefinition": workflow.blueprint.definition}
