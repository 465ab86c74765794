"""Another try of a failed task, or the end of the tries."""

from __future__ import annotations

import random
from typing import Any

from conductor.testing.engine.document import document_of
from conductor.testing.engine.model import CHOICES, RETRIABLE, TaskRecord, Termination, Wire, WorkflowRecord, new_id
from conductor.testing.engine.system_tasks import SystemTasks
from conductor.testing.expressions import fill

_NEVER_RETRIED = CHOICES | {"FORK", "JOIN", "EXCLUSIVE_JOIN", "DO_WHILE"}
_MAX_DELAY = 2**31 - 1


class Retries(SystemTasks):
    """Makes the next tries, with their delays."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._random = random.Random()  # noqa: S311 - jitter is no secret
        super().__init__(*arguments, **options)

    def _retry(self, workflow: WorkflowRecord, task: TaskRecord) -> TaskRecord | None:
        """The next try. None: there is none, and the workflow goes on. Termination: the workflow ends."""
        definition = task.definition
        allowed = task.workflow_task.get("retryCount")
        allowed = definition.get("retryCount", 0) if allowed is None else allowed
        if (
            task.status not in RETRIABLE
            or task.wire["taskType"] in _NEVER_RETRIED
            or allowed <= task.wire["retryCount"]
        ):
            if task.workflow_task.get("optional") or task.workflow_task.get("permissive"):
                return None
            status = {"CANCELED": "TERMINATED", "TIMED_OUT": "TIMED_OUT"}.get(task.status, "FAILED")
            self._set_output(workflow, task)
            reason = task.wire.get("reasonForIncompletion", "null")
            raise Termination(f"Task {task.task_id} failed with status: {status} and reason: '{reason}'", status, task)
        self._check_total(workflow, task)
        task.wire["retried"] = True
        return self._next_attempt(workflow, task)

    def _check_total(self, workflow: WorkflowRecord, task: TaskRecord) -> None:
        seconds = task.definition["totalTimeoutSeconds"]
        elapsed = (self._now_ms - task.first_scheduled) // 1000
        if 0 < seconds <= elapsed and task.first_scheduled > 0:
            self._set_output(workflow, task)
            raise Termination(
                f"Task {task.task_id}/{task.wire['taskDefName']} exceeded total timeout of {seconds} seconds "
                f"(elapsed {elapsed} seconds across all attempts). No further retries will be attempted.",
                "TIMED_OUT" if task.status == "TIMED_OUT" else "FAILED",
                task,
            )

    def _next_attempt(self, workflow: WorkflowRecord, task: TaskRecord) -> TaskRecord:
        delay = _retry_delay(task.definition, task.wire["retryCount"])
        jitter = self._random.randint(0, max(0, task.definition["backoffJitterMs"]))
        retry = self._copy_for_retry(workflow, task)
        retry.wire.update(startDelayInSeconds=delay, callbackAfterSeconds=delay)
        retry.first_scheduled = task.first_scheduled
        if "reasonForIncompletion" in task.wire:
            retry.wire["reasonForIncompletion"] = task.wire["reasonForIncompletion"]
        if retry.is_worker_task:
            retry.visible_at = self.clock.now() + delay + jitter / 1000
        else:
            retry.wait_until = self._now_ms + 1000 * delay + jitter
        return retry

    def _copy_for_retry(self, workflow: WorkflowRecord, task: TaskRecord) -> TaskRecord:
        """A new task for the same step. Its input is computed again, and it has no traces of the old try."""
        dropped = (
            *("workerId", "reasonForIncompletion", "subWorkflowId"),
            *("externalInputPayloadStoragePath", "externalOutputPayloadStoragePath"),
        )
        wire = {name: value for name, value in task.wire.items() if name not in dropped}
        zeros = ("seq", "pollCount", "scheduledTime", "startTime", "endTime", "updateTime", "callbackAfterSeconds")
        wire.update(dict.fromkeys(zeros, 0), outputData={}, status="SCHEDULED", retried=False, executed=False)
        wire.update(taskId=new_id(), retriedTaskId=task.task_id, retryCount=task.wire["retryCount"] + 1)
        retry = TaskRecord(wire, task.workflow_task, is_stubbed=task.is_stubbed)
        if task.is_worker_task:
            wire["inputData"] = {**task.input, **self._input(workflow, retry)}
        return retry

    def _set_output(self, workflow: WorkflowRecord, last: TaskRecord | None = None) -> None:
        """The output by outputParameters, or else that of the last task. That of a TERMINATE comes before both."""
        if not workflow.tasks:
            return
        for task in workflow.tasks:
            if task.wire["taskType"] == "TERMINATE" and task.status == "COMPLETED":
                workflow.wire["output"] = task.output
                return
        parameters = workflow.blueprint.definition["outputParameters"]
        last = last or workflow.tasks[-1]
        workflow.wire["output"] = fill(parameters, document_of(workflow)) if parameters else last.output


def _retry_delay(definition: Wire, retry_count: int) -> int:
    """Whole seconds before the next try, without the jitter."""
    base = int(definition["retryDelaySeconds"])
    delay = {
        "LINEAR_BACKOFF": base * int(definition["backoffScaleFactor"]) * (retry_count + 1),
        "EXPONENTIAL_BACKOFF": base * 2**retry_count,
    }.get(definition["retryLogic"], base)
    cap = definition["maxRetryDelaySeconds"]
    return int(min(delay, cap if cap > 0 else _MAX_DELAY))
