"""The timeouts of tasks and workflows, with the order and the texts of the server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from conductor.testing.engine.records.records import TaskRecord, Wire, WorkflowRecord
from conductor.testing.engine.records.refusals import Termination


def check_workflow(workflow: WorkflowRecord, now_ms: int) -> None:
    """Raise Termination if the workflow's timeoutSeconds are over and its policy is TIME_OUT_WF."""
    definition = workflow.blueprint.definition
    seconds = definition["timeoutSeconds"]
    if seconds <= 0 or definition["timeoutPolicy"] != "TIME_OUT_WF" or now_ms < _workflow_due(workflow):
        return
    elapsed = now_ms - (_workflow_due(workflow) - 1000 * seconds)
    raise Termination(
        f"Workflow timed out after {elapsed // 1000} seconds. Timeout configured as {seconds} seconds. "
        f"Timeout policy configured to {definition['timeoutPolicy']}",
        "TIMED_OUT",
    )


def _workflow_due(workflow: WorkflowRecord) -> int:
    wire = workflow.wire
    return int((wire["lastRetriedTime"] or wire["createTime"]) + 1000 * workflow.blueprint.definition["timeoutSeconds"])


def check_task(task: TaskRecord, now_ms: int) -> None:
    """Apply the four timeouts to an open task: change its status, or raise Termination (TIME_OUT_WF)."""
    if not task.definition or task.ended:
        return
    first = next((timeout for timeout in _timeouts(task) if timeout.due <= now_ms), None)
    if first is not None:
        reason = first.reason(task, now_ms)
        task.wire["status"] = "TIMED_OUT"
        task.set_reason(reason)
        if task.definition["timeoutPolicy"] == "TIME_OUT_WF":
            raise Termination(reason, "TIMED_OUT", task)
    due = _response_due(task)
    if due is not None and due <= now_ms:
        end_lease(task)


def end_lease(task: TaskRecord) -> None:
    """Time out a task whose worker has not answered within its lease."""
    task.wire["status"] = "TIMED_OUT"
    task.set_reason(
        f"responseTimeout: {task.definition['responseTimeoutSeconds']} exceeded for the taskId: {task.task_id} "
        f"with Task Definition: {task.wire['taskDefName']}"
    )


class _Timeout(NamedTuple):
    """Times are in milliseconds since the epoch. text: of the reason, with names in braces."""

    since: int
    seconds: int
    due: int
    text: str

    def reason(self, task: TaskRecord, now_ms: int) -> str:
        elapsed = (now_ms - self.since) // 1000
        name, policy = task.wire["taskDefName"], task.definition["timeoutPolicy"]
        return self.text.format(name=name, id=task.task_id, policy=policy, seconds=self.seconds, elapsed=elapsed)


_TOTAL = (
    "Task {name}/{id} exceeded total timeout of {seconds} seconds "
    "(elapsed {elapsed} seconds across all attempts including retry delays). Timeout policy: {policy}"
)
_RUNNING = (
    "Task timed out after {elapsed} seconds. Timeout configured as {seconds} seconds. "
    "Timeout policy configured to {policy}"
)
_UNPOLLED = (
    "Task poll timed out after {elapsed} seconds. Poll timeout configured as {seconds} seconds. "
    "Timeout policy configured to {policy}"
)


def _timeouts(task: TaskRecord) -> Iterator[_Timeout]:
    """The timeouts that change an open task, in the order of the server."""
    definition, wire = task.definition, task.wire
    if definition["timeoutPolicy"] == "ALERT_ONLY":
        return
    seconds = definition["totalTimeoutSeconds"]
    if seconds > 0 and task.first_scheduled > 0:
        yield _Timeout(task.first_scheduled, seconds, task.first_scheduled + 1000 * seconds, _TOTAL)
    seconds = definition["timeoutSeconds"]
    if seconds > 0 and wire["startTime"] > 0:
        since = wire["startTime"] + 1000 * wire["startDelayInSeconds"]
        yield _Timeout(since, seconds, since + 1000 * seconds, _RUNNING)
    seconds = definition.get("pollTimeoutSeconds") or 0
    if seconds > 0 and task.status == "SCHEDULED":
        since = wire["scheduledTime"] + 1000 * wire["startDelayInSeconds"]
        yield _Timeout(since, seconds, since + 1000 * (seconds + wire["callbackAfterSeconds"]), _UNPOLLED)


_TOUCHED = frozenset({"WAIT", "JOIN"})
"""The server looks at tasks of these types itself from time to time, and each look counts as a response.

Before the first one they have no updateTime, so that a decision in this moment times them out (3.32.3).
"""


def _response_due(task: TaskRecord) -> int | None:
    seconds = task.definition["responseTimeoutSeconds"]
    if seconds == 0 or task.status != "IN_PROGRESS" or task.wire["taskType"] == "SUB_WORKFLOW":
        return None
    if task.wire["taskType"] in _TOUCHED and task.wire["updateTime"]:
        return None
    return int(task.wire["updateTime"] + 1000 * (seconds + task.wire["callbackAfterSeconds"]))


def next_timeout(workflow: WorkflowRecord, now_ms: int) -> float | None:
    """The time in seconds since the epoch at which a timeout or a timer next changes a workflow."""
    if workflow.ended:
        return None
    if workflow.wire["status"] == "PAUSED":  # no timeout counts
        dues = [due for task in workflow.tasks for due in _own_dues(task, now_ms)]
        return min(dues) / 1000 if dues else None
    dues = [due for task in workflow.tasks if _is_looked_at(task) for due in _task_dues(task, now_ms)]
    definition = workflow.blueprint.definition
    if definition["timeoutSeconds"] > 0 and definition["timeoutPolicy"] == "TIME_OUT_WF":
        dues.append(_workflow_due(workflow))
    return min(dues) / 1000 if dues else None


def _is_looked_at(task: TaskRecord) -> bool:
    """Whether a timeout can change the task. A rerun can open a task that was retried, at which nobody looks again."""
    return not (task.ended or task.wire["retried"] or task.wire["executed"])


def _own_dues(task: TaskRecord, now_ms: int) -> list[int]:
    """The time at which one of the engine's own tasks begins or ends by itself."""
    if task.status == "SCHEDULED" and task.visible_at is None and task.begins_at > now_ms:
        return [task.begins_at]
    return [task.wait_until] if task.status == "IN_PROGRESS" and task.wait_until else []


def _task_dues(task: TaskRecord, now_ms: int) -> list[int]:
    definition: Wire = task.definition
    dues = _own_dues(task, now_ms)
    if definition:
        dues += [timeout.due for timeout in _timeouts(task)]
        response_due = _response_due(task)
        if response_due is not None:
            dues.append(response_due)
    return dues
