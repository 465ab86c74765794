"""Tasks and workflows as the engine holds them: a dict with the members of the wire, and further attributes."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from conductor.testing.engine.records.blueprint import Blueprint

Wire = dict[str, Any]
"""A JSON object with the member names of the wire."""

TERMINAL = frozenset(
    {"CANCELED", "FAILED", "FAILED_WITH_TERMINAL_ERROR", "COMPLETED", "COMPLETED_WITH_ERRORS", "TIMED_OUT", "SKIPPED"}
)
UNSUCCESSFUL = frozenset({"CANCELED", "FAILED", "FAILED_WITH_TERMINAL_ERROR", "TIMED_OUT"})
RETRIABLE = frozenset({"FAILED", "TIMED_OUT"})
WORKFLOW_ENDED = frozenset({"COMPLETED", "FAILED", "TIMED_OUT", "TERMINATED"})
REASON_LIMIT = 500
FOREVER = 2**31 - 1
"""The callbackAfterSeconds of a WAIT task that waits for a signal."""


@dataclass(slots=True, eq=False)
class TaskRecord:
    """One task. ``wire`` has no workflowTask, no taskDefinition and no computed members: see ``render_task``."""

    wire: Wire
    workflow_task: Wire
    visible_at: float | None = None  # the time from which it can be polled; None: it is in no queue
    first_scheduled: int = 0  # epoch ms; kept by retries
    wait_until: int = 0  # epoch ms, for a WAIT with a timer
    stored: dict[str, Wire] = field(default_factory=dict)  # payloads in the external storage, by member

    @property
    def task_id(self) -> str:
        return str(self.wire["taskId"])

    @property
    def ref(self) -> str:
        return str(self.wire["referenceTaskName"])

    @property
    def base_ref(self) -> str:
        """The reference name in the definition: without ``__2`` of the second iteration of a loop."""
        ref = self.ref
        return ref.rsplit("__", 1)[0] if self.wire["iteration"] > 0 and "__" in ref else ref

    @property
    def status(self) -> str:
        return str(self.wire["status"])

    @property
    def ended(self) -> bool:
        return self.wire["status"] in TERMINAL

    @property
    def begins_at(self) -> int:
        """Epoch ms from which the engine may begin it, if it is SCHEDULED."""
        return int(self.wire["scheduledTime"] + 1000 * self.wire["callbackAfterSeconds"])

    @property
    def input(self) -> Wire:
        """inputData, also if it is in the external storage."""
        found: Wire = self.stored.get("inputData") or self.wire["inputData"]
        return found

    @property
    def output(self) -> Wire:
        """outputData, also if it is in the external storage."""
        found: Wire = self.stored.get("outputData") or self.wire["outputData"]
        return found

    @property
    def definition(self) -> Wire:
        """The TaskDef of the moment when the workflow was started."""
        found: Wire = self.workflow_task.get("taskDefinition") or {}
        return found

    def draft(self) -> TaskRecord:
        """A copy, whose members can be set without a change of this one."""
        timing = (self.visible_at, self.first_scheduled, self.wait_until)
        return TaskRecord(dict(self.wire), self.workflow_task, *timing, self.stored)

    def keep_step(self) -> None:
        """Keep the step in the record, because the definition of the workflow does not have it."""
        self.wire["workflowTask"] = self.workflow_task

    def set_reason(self, reason: str | None) -> None:
        """Set or remove reasonForIncompletion, cut to the server's length."""
        if reason is None:
            self.wire.pop("reasonForIncompletion", None)
        else:
            self.wire["reasonForIncompletion"] = reason[:REASON_LIMIT]


CHOICES = frozenset({"SWITCH", "DECISION"})
"""The types of tasks that choose one of several branches."""
JOINS = frozenset({"JOIN", "EXCLUSIVE_JOIN"})
BEFORE_OTHERS = frozenset({"EVENT", "JSON_JQ_TRANSFORM"})
"""The types of tasks whose work the server does when it puts them into their workflow, thus before that of others."""
IN_THEIR_OWN_TIME = frozenset({"SUB_WORKFLOW", "JOIN", "WAIT", "HTTP", "START_WORKFLOW"})
"""The types of tasks that the server does not begin at once, but when it finds them in its queues."""


@dataclass(slots=True, eq=False)
class WorkflowRecord:
    """One workflow, with its tasks in the order in which they were scheduled."""

    wire: Wire
    blueprint: Blueprint
    tasks: list[TaskRecord] = field(default_factory=list)
    stored: dict[str, Wire] = field(default_factory=dict)  # payloads in the external storage, by member
    timer: float | None = None  # the latest entry of it in the engine's heap of timers

    @property
    def workflow_id(self) -> str:
        return str(self.wire["workflowId"])

    @property
    def ended(self) -> bool:
        return self.wire["status"] in WORKFLOW_ENDED

    @property
    def input(self) -> Wire:
        """The input, also if it is in the external storage."""
        found: Wire = self.stored.get("input") or self.wire["input"]
        return found

    @property
    def output(self) -> Wire:
        """The output, also if it is in the external storage."""
        found: Wire = self.stored.get("output") or self.wire["output"]
        return found

    @property
    def short_name(self) -> str:
        """Its name in the server's messages."""
        return f"{self.wire['workflowName']}.{self.wire['workflowVersion']}/{self.workflow_id}"

    def draft(self) -> WorkflowRecord:
        """A copy with a list of its own, which holds the same tasks."""
        return WorkflowRecord(self.wire, self.blueprint, list(self.tasks), self.stored, self.timer)

    def latest(self, ref: str) -> TaskRecord | None:
        """The last task with the reference name, which is the latest try."""
        for task in reversed(self.tasks):
            if task.wire["referenceTaskName"] == ref:
                return task
        return None


def new_id() -> str:
    return str(uuid.uuid4())


def new_task(workflow: WorkflowRecord, workflow_task: Wire, now_ms: int) -> TaskRecord:
    """A task that is not yet part of its workflow. The caller sets type, status and input."""
    wire: Wire = {
        "taskType": workflow_task["type"],
        "status": "SCHEDULED",
        "inputData": {},
        "referenceTaskName": workflow_task["taskReferenceName"],
        "retryCount": 0,
        "seq": 0,
        "pollCount": 0,
        "taskDefName": workflow_task["name"],
        "scheduledTime": now_ms,
        "startTime": 0,
        "endTime": 0,
        "updateTime": 0,
        "startDelayInSeconds": 0,
        "retried": False,
        "executed": False,
        "callbackFromWorker": True,
        "responseTimeoutSeconds": 0,
        "workflowInstanceId": workflow.workflow_id,
        "workflowType": workflow.wire["workflowName"],
        "taskId": new_id(),
        "callbackAfterSeconds": 0,
        "outputData": {},
        "rateLimitPerFrequency": 0,
        "rateLimitFrequencyInSeconds": 0,
        "workflowPriority": workflow.wire["priority"],
        "iteration": 0,
        "subworkflowChanged": False,
        "firstStartTime": 0,
    }
    if "correlationId" in workflow.wire:
        wire["correlationId"] = workflow.wire["correlationId"]
    return TaskRecord(wire, workflow_task)


def new_workflow(blueprint: Blueprint, request: Wire, now_ms: int) -> WorkflowRecord:
    """A workflow that has no tasks yet. request: a StartWorkflowRequest."""
    definition, given = blueprint.definition, request.get("input")
    wire: Wire = {
        "ownerApp": "",
        "createTime": now_ms,
        "updateTime": 0,
        "status": "RUNNING",
        "endTime": 0,
        "workflowId": new_id(),
        "input": {**definition["inputTemplate"], **given} if given else {},  # the template is for an input that has any
        "output": {},
        "taskToDomain": request.get("taskToDomain") or {},
        "failedReferenceTaskNames": [],
        "priority": request.get("priority") or 0,
        "variables": dict(definition["variables"]),
        "lastRetriedTime": 0,
        "failedTaskNames": [],
        "history": [],
        "rateLimited": False,
        "startTime": now_ms,
        "workflowName": definition["name"],
        "workflowVersion": definition["version"],
    }
    if request.get("correlationId") is not None:
        wire["correlationId"] = request["correlationId"]
    return WorkflowRecord(wire, blueprint)
