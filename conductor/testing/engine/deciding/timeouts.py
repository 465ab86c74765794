"""The timeouts of tasks and workflows, with the order and the texts of the server."""

from __future__ import annotations

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
    definition = task.definition
    if not definition or task.ended:
        return
    for due, reason in (_total(task), _running(task), _unpolled(task)):
        if due is not None and due <= now_ms and not task.ended:
            _time_out(task, definition["timeoutPolicy"], reason(now_ms))
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


def _time_out(task: TaskRecord, policy: str, reason: str) -> None:
    if policy == "ALERT_ONLY":
        return
    task.wire["status"] = "TIMED_OUT"
    task.set_reason(reason)
    if policy == "TIME_OUT_WF":
        raise Termination(reason, "TIMED_OUT", task)


class _Reason:
    """The text of a timeout. The time that has passed is filled in later."""

    def __init__(self, text: str, since: int) -> None:
        self._text = text
        self._since = since

    def __call__(self, now_ms: int) -> str:
        return self._text.replace("ELAPSED", str((now_ms - self._since) // 1000), 1)


_Timeout = tuple[int | None, _Reason]
_NEVER: _Timeout = (None, _Reason("", 0))


def _total(task: TaskRecord) -> _Timeout:
    seconds, since = task.definition["totalTimeoutSeconds"], task.first_scheduled
    if seconds <= 0 or since <= 0:
        return _NEVER
    text = (
        f"Task {task.wire['taskDefName']}/{task.task_id} exceeded total timeout of {seconds} seconds "
        "(elapsed ELAPSED seconds across all attempts including retry delays). "
        f"Timeout policy: {task.definition['timeoutPolicy']}"
    )
    return since + 1000 * seconds, _Reason(text, since)


def _running(task: TaskRecord) -> _Timeout:
    seconds = task.definition["timeoutSeconds"]
    if seconds <= 0 or task.wire["startTime"] <= 0:
        return _NEVER
    since = task.wire["startTime"] + 1000 * task.wire["startDelayInSeconds"]
    text = (
        f"Task timed out after ELAPSED seconds. Timeout configured as {seconds} seconds. "
        f"Timeout policy configured to {task.definition['timeoutPolicy']}"
    )
    return since + 1000 * seconds, _Reason(text, since)


def _unpolled(task: TaskRecord) -> _Timeout:
    seconds = task.definition.get("pollTimeoutSeconds") or 0
    if seconds <= 0 or task.status != "SCHEDULED":
        return _NEVER
    since = task.wire["scheduledTime"] + 1000 * task.wire["startDelayInSeconds"]
    text = (
        f"Task poll timed out after ELAPSED seconds. Poll timeout configured as {seconds} seconds. "
        f"Timeout policy configured to {task.definition['timeoutPolicy']}"
    )
    return since + 1000 * (seconds + task.wire["callbackAfterSeconds"]), _Reason(text, since)


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
    if workflow.ended or workflow.wire["status"] == "PAUSED":
        return None
    dues = [due for task in workflow.tasks if _is_looked_at(task) for due in _task_dues(task, now_ms)]
    definition = workflow.blueprint.definition
    if definition["timeoutSeconds"] > 0 and definition["timeoutPolicy"] == "TIME_OUT_WF":
        dues.append(_workflow_due(workflow))
    return min(dues) / 1000 if dues else None


def _is_looked_at(task: TaskRecord) -> bool:
    """Whether a timeout can change the task. A rerun can open a task that was retried, at which nobody looks again."""
    return not (task.ended or task.wire["retried"] or task.wire["executed"])


def _task_dues(task: TaskRecord, now_ms: int) -> list[int]:
    definition: Wire = task.definition
    dues = []
    if task.status == "SCHEDULED" and task.visible_at is None and task.begins_at > now_ms:
        dues.append(task.begins_at)  # it is one of the engine's own tasks
    if task.status == "IN_PROGRESS" and task.wait_until:
        dues.append(task.wait_until)
    if definition:
        bounded = [] if definition["timeoutPolicy"] == "ALERT_ONLY" else [_total(task), _running(task), _unpolled(task)]
        dues += [due for due in (*(due for due, _ in bounded), _response_due(task)) if due is not None]
    return dues
