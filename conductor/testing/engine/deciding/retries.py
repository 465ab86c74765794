"""Another try of a failed task, or the end of the tries."""

from __future__ import annotations

import random

from conductor.testing.engine.records.records import CHOICES, RETRIABLE, TaskRecord, Wire, new_id
from conductor.testing.engine.records.refusals import Termination
from conductor.testing.engine.tasks.kind import Making

_NEVER_RETRIED = CHOICES | {"FORK", "JOIN", "EXCLUSIVE_JOIN", "DO_WHILE"}
_MAX_DELAY = 2**31 - 1
_JITTER = random.Random()  # noqa: S311 - no secret


def next_try(making: Making, task: TaskRecord) -> TaskRecord | None:
    """The next try. None: there is none, and the workflow goes on. Termination: the workflow ends."""
    definition = task.definition
    allowed = task.workflow_task.get("retryCount")
    allowed = definition.get("retryCount", 0) if allowed is None else allowed
    if task.status not in RETRIABLE or task.wire["taskType"] in _NEVER_RETRIED or allowed <= task.wire["retryCount"]:
        if task.workflow_task.get("optional") or task.workflow_task.get("permissive"):
            return None
        status = {"CANCELED": "TERMINATED", "TIMED_OUT": "TIMED_OUT"}.get(task.status, "FAILED")
        reason = task.wire.get("reasonForIncompletion", "null")
        raise Termination(f"Task {task.task_id} failed with status: {status} and reason: '{reason}'", status, task)
    _check_total(task, making.now_ms)
    return _delayed_copy(making, task)


def _check_total(task: TaskRecord, now_ms: int) -> None:
    seconds = task.definition["totalTimeoutSeconds"]
    elapsed = (now_ms - task.first_scheduled) // 1000
    if 0 < seconds <= elapsed and task.first_scheduled > 0:
        raise Termination(
            f"Task {task.task_id}/{task.wire['taskDefName']} exceeded total timeout of {seconds} seconds "
            f"(elapsed {elapsed} seconds across all attempts). No further retries will be attempted.",
            "TIMED_OUT" if task.status == "TIMED_OUT" else "FAILED",
            task,
        )


def _delayed_copy(making: Making, task: TaskRecord) -> TaskRecord:
    delay = retry_delay(task.definition, task.wire["retryCount"])
    jitter = _JITTER.randint(0, max(0, task.definition["backoffJitterMs"]))
    retry = copy_for_retry(making, task)
    retry.wire.update(startDelayInSeconds=delay, callbackAfterSeconds=delay)
    if "reasonForIncompletion" in task.wire:
        retry.wire["reasonForIncompletion"] = task.wire["reasonForIncompletion"]
    if making.kinds.is_for_workers(retry):
        retry.visible_at = (making.now_ms + 1000 * delay + jitter) / 1000
    return retry


def copy_for_retry(making: Making, task: TaskRecord) -> TaskRecord:
    """A new task for the same step. Its input is computed again, and it has no traces of the old try."""
    dropped = (
        *("workerId", "reasonForIncompletion", "subWorkflowId"),
        *("externalInputPayloadStoragePath", "externalOutputPayloadStoragePath"),
    )
    wire = {name: value for name, value in task.wire.items() if name not in dropped}
    zeros = ("seq", "pollCount", "scheduledTime", "startTime", "endTime", "updateTime", "callbackAfterSeconds")
    wire.update(dict.fromkeys(zeros, 0), outputData={}, status="SCHEDULED", retried=False, executed=False)
    wire.update(taskId=new_id(), retriedTaskId=task.task_id, retryCount=task.wire["retryCount"] + 1)
    retry = TaskRecord(wire, task.workflow_task, first_scheduled=task.first_scheduled, wait_until=task.wait_until)
    wire["inputData"] = {**task.input, **making.input_of(retry)}
    wire["inputData"].pop("subWorkflowId", None)
    return retry


def retry_delay(definition: Wire, retry_count: int) -> int:
    """Whole seconds before the next try, without the jitter."""
    base = int(definition["retryDelaySeconds"])
    delay = {
        "LINEAR_BACKOFF": base * int(definition["backoffScaleFactor"]) * (retry_count + 1),
        "EXPONENTIAL_BACKOFF": base * 2**retry_count,
    }.get(definition["retryLogic"], base)
    cap = definition["maxRetryDelaySeconds"]
    return int(min(delay, cap if cap > 0 else _MAX_DELAY))
