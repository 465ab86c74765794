"""EVENT: publishes its input to a queue of events."""

from __future__ import annotations

from typing import Any

from conductor.testing.engine.records.records import TaskRecord, Wire
from conductor.testing.engine.tasks.kind import EngineTask, Making, Run
from conductor.testing.engine.tasks.outcome import fail

SYSTEM = "conductor"
"""The only system of queues that this server has."""
_NO_SINK = 'Cannot invoke "String.startsWith(String)" because "sinkValue" is null'


class Event(EngineTask):
    """The output is the event: the input, the workflow, and the name of the queue."""

    def problems(self, step: Wire, where: str) -> list[str]:
        sink = step.get("sink")
        if sink is None:
            return [f"sink field is required for {where}"]
        if "${" not in sink and sink != SYSTEM and not sink.startswith(f"{SYSTEM}:"):
            return [f"the embedded server has no other sink than {SYSTEM}, so not {sink!r}, for {where}"]
        return []

    def make(self, making: Making, step: Wire, retry_count: int) -> list[TaskRecord]:
        task = making.new(step, retry_count)
        parameters = {**step["inputParameters"], "sink": step.get("sink"), "asyncComplete": step["asyncComplete"]}
        task.wire["inputData"] = making.filled(parameters, task.task_id)
        return [task]

    def execute(self, run: Run, task: TaskRecord) -> bool:
        if task.status != "SCHEDULED":
            return False
        workflow = run.workflow.wire
        event = {
            **task.input,
            "workflowInstanceId": workflow["workflowId"],
            "workflowType": workflow["workflowName"],
            "workflowVersion": workflow["workflowVersion"],
            "correlationId": workflow.get("correlationId"),
            "taskToDomain": workflow["taskToDomain"],
        }
        task.wire.update(startTime=run.making.now_ms, outputData=event)
        sink = task.input.get("sink")  # a DYNAMIC task has none
        if sink is None:
            return fail(task, _NO_SINK)
        queue = _queue_of(sink, run, task)
        if queue is None:
            return fail(task, f"Invalid / Unsupported sink specified: {sink}")
        event["event_produced"] = queue
        system, colon, _ = queue.partition(":")
        if system != SYSTEM or not colon:
            error = f"Unknown queue type {system}" if colon else f"Illegal event {queue}"
            return fail(task, f"Error loading queue:{queue}, for task:{task.task_id}, error: {error}")
        run.publish(queue, task.task_id, event)
        task.wire["status"] = "IN_PROGRESS" if task.workflow_task["asyncComplete"] else "COMPLETED"
        return True


def _queue_of(sink: Any, run: Run, task: TaskRecord) -> str | None:
    """The name of the queue. None: the sink is none of this server."""
    name = run.workflow.wire["workflowName"]
    if sink == SYSTEM:
        return f"{SYSTEM}:{name}:{task.ref}"
    sink = str(sink)
    if sink.startswith(f"{SYSTEM}:"):
        return f"{SYSTEM}:{name}:{sink.replace(f'{SYSTEM}:', '')}"
    return None if sink.startswith(SYSTEM) else sink
