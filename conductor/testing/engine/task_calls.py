"""Calls under ``/tasks`` that workers make: poll, update, logs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from conductor._stopping import is_stopping
from conductor.testing.engine.core import POSTPONED_SECONDS
from conductor.testing.engine.interpreter import Interpreter
from conductor.testing.engine.json_text import parse_json
from conductor.testing.engine.model import (
    Refusal,
    TaskRecord,
    Wire,
    WorkflowRecord,
    base_ref,
    render_task,
    render_workflow,
)
from conductor.testing.engine.payloads import check_depth, forget_stored
from conductor.testing.engine.queues import TaskQueue
from conductor.testing.engine.validation import check_result, refuse

LOGS_PER_UPDATE = 10
_LONGEST_POLL_MS = 5000
_SINGLE_POLL_MS = 100
_NO_STATUS = (
    'Cannot invoke "com.netflix.conductor.common.metadata.tasks.TaskResult$Status.name()" because the return value of '
    '"com.netflix.conductor.common.metadata.tasks.TaskResult.getStatus()" is null'
)
_INVALID_RESULT = (
    "Validation failed for argument [0] in public org.springframework.http.ResponseEntity<com.netflix.conductor.common."
    "metadata.tasks.Task> com.netflix.conductor.rest.controllers.TaskResource.updateTaskV2("
    "com.netflix.conductor.common.metadata.tasks.TaskResult)"
)


class TaskCalls(Interpreter):
    """Poll and update as on server 3.32.3."""

    # Poll

    def poll(
        self, task_type: str, worker_id: str | None, domain: str | None, count: int, timeout_ms: int
    ) -> list[Wire]:
        """Deliver up to ``count`` tasks, which become IN_PROGRESS. Refusal 400.

        Waits up to timeout_ms of real time for the first task, or with hold_until_count for all of them. For a stopping
        worker of this process it does not wait.
        """
        if timeout_ms > _LONGEST_POLL_MS:
            raise Refusal(400, "Long Poll Timeout value cannot be more than 5 seconds")
        wanted = sys.maxsize if count < 0 else count  # for SQLite a negative LIMIT is no limit
        deadline = time.monotonic() + max(0, timeout_ms) / 1000
        tasks: list[TaskRecord] = []
        with self._lock:
            queue = self._queues[task_type, domain]
            while True:
                with self.transaction():
                    self._take(queue, wanted, tasks, worker_id)
                    self._note_poll(task_type, worker_id, domain)
                    remaining = deadline - time.monotonic()
                    enough = len(tasks) >= wanted or (tasks and not self.hold_until_count)
                    if enough or remaining <= 0 or is_stopping((worker_id or "", task_type, domain)):
                        return [render_task(task, self._now_ms) for task in tasks]
                self._await_arrival(queue, remaining)

    def _await_arrival(self, queue: TaskQueue, remaining: float) -> None:
        due = queue.next_due()
        until_due = None if due is None else self.clock.real_seconds_until(due)
        queue.arrived.wait(remaining if until_due is None else min(remaining, until_due + 0.001))

    def _take(self, queue: TaskQueue, wanted: int, taken: list[TaskRecord], worker_id: str | None) -> None:
        while len(taken) < wanted:
            task_id = queue.pop(self.clock.now())
            if task_id is None:
                return
            workflow, task = self._tasks[task_id]
            if self._over_limit(task):
                self._enqueue(task, POSTPONED_SECONDS)
                continue
            taken.append(task)
            self._hand_out(workflow, task, worker_id)

    def _hand_out(self, workflow: WorkflowRecord, task: TaskRecord, worker_id: str | None) -> None:
        wire = task.wire
        task.visible_at = None
        wire["status"] = "IN_PROGRESS"
        wire["startTime"] = wire["startTime"] or self._now_ms
        wire["callbackAfterSeconds"] = 0
        wire["pollCount"] += 1
        _set_or_remove(wire, "workerId", worker_id)
        self._save_task(task)
        self._plan(workflow)

    def _note_poll(self, task_type: str, worker_id: str | None, domain: str | None) -> None:
        poll: Wire = {"queueName": task_type, "lastPollTime": self._now_ms}
        if domain is not None:
            poll["domain"] = domain
        if worker_id is not None:
            poll["workerId"] = worker_id
        self._polls[task_type, domain] = poll

    # Update

    def update_task(self, result: Wire) -> str:
        """Apply a TaskResult. Returns its task id. The result of an ended task is ignored. Refusal 400, 404, 500."""
        with self.transaction():
            refuse(check_result(result))
            self._update(result)
            return str(result["taskId"])

    def update_task_v2(self, result: Wire) -> Wire | None:
        """Apply a TaskResult. If its task has ended, deliver the next task of its type and domain."""
        with self.transaction():
            if check_result(result):
                raise Refusal(500, _INVALID_RESULT)
            task = self._update(result)
        if task is None or not task.ended:
            return None
        domain = task.wire.get("domain")
        polled = self.poll(task.wire["taskType"], result.get("workerId"), domain, 1, _SINGLE_POLL_MS)
        return polled[0] if polled else None

    def _update(self, result: Wire) -> TaskRecord | None:
        """The updated task, also if it had ended before. None: the update has only extended its lease."""
        if result.get("extendLease"):
            self._extend_lease(result["taskId"])
            return None
        workflow = self._workflow(result["workflowInstanceId"])
        task = self._known_task(result["taskId"])
        if task.ended or workflow.ended:
            self._dequeue(task)
            return task
        if result.get("status") is None:
            raise Refusal(500, _NO_STATUS)
        check_depth(result)
        self._apply(task, result)
        self._save_task(task)
        logs = [{"createdTime": 0, **entry, "taskId": task.task_id} for entry in result.get("logs") or ()]
        self._store.add_logs(logs[:LOGS_PER_UPDATE])
        self._decide(workflow)
        return task

    def _apply(self, task: TaskRecord, result: Wire) -> None:
        """Put a result into its task. IN_PROGRESS returns a worker's task to its queue."""
        wire = task.wire
        handed_back = task.is_worker_task and result["status"] == "IN_PROGRESS"
        wire["status"] = "SCHEDULED" if handed_back else result["status"]
        task.set_reason(result.get("reasonForIncompletion"))
        wire["callbackAfterSeconds"] = result.get("callbackAfterSeconds") or 0
        if result.get("outputData"):  # otherwise an output in the storage stays there
            forget_stored(task, "outputData")
        wire["outputData"] = result.get("outputData") or {}
        for member in ("workerId", "subWorkflowId"):
            _set_or_remove(wire, member, result.get(member))
        if path := result.get("externalOutputPayloadStoragePath"):
            wire["externalOutputPayloadStoragePath"] = path
            self._take_from_storage(task, path)
        if task.ended:
            wire["endTime"] = self._now_ms
        elif handed_back:
            self._enqueue(task, wire["callbackAfterSeconds"])

    def _take_from_storage(self, task: TaskRecord, path: str) -> None:
        """Make an output that a worker has uploaded readable for expressions."""
        content = self._store.payload(path)
        output = None if content is None else parse_json(content)
        if isinstance(output, dict):
            task.stored["outputData"] = output

    def _extend_lease(self, task_id: str) -> None:
        task = self._known_task(task_id)
        if not task.ended:
            self._save_task(task)

    def _known_task(self, task_id: str) -> TaskRecord:
        found = self._find_task(task_id)
        if found is None:
            raise Refusal(404, f"No such task found by id: {task_id}")
        return found[1]

    # By reference name

    def update_task_by_ref_name(
        self, workflow_id: str, ref_name: str, status: str, output: Wire | None, worker_id: str | None
    ) -> str:
        """Update the open task with the reference name, and add to its output. Returns its id. "" if there is none."""
        with self.transaction():
            task = self._pending(workflow_id, ref_name)
            return "" if task is None else self._update_pending(task, status, output, worker_id)

    def update_task_by_ref_name_sync(
        self, workflow_id: str, ref_name: str, status: str, output: Wire | None, worker_id: str | None
    ) -> Wire:
        """The same; returns the workflow after the update. Refusal 404."""
        with self.transaction():
            task = self._pending(workflow_id, ref_name)
            if task is None:
                raise Refusal(404, f"Found no running task {ref_name} of workflow {workflow_id} to update")
            self._update_pending(task, status, output, worker_id)
            return render_workflow(self._workflow(workflow_id), self._now_ms)

    def _pending(self, workflow_id: str, ref_name: str) -> TaskRecord | None:
        try:
            tasks = [task for task in self._workflow(workflow_id).tasks if not task.ended]
        except Refusal:
            return None
        by_name = [task for task in tasks if task.ref == ref_name]
        return next(iter(by_name or [task for task in tasks if base_ref(task) == ref_name]), None)

    def _update_pending(self, task: TaskRecord, status: str, output: Wire | None, worker_id: str | None) -> str:
        wire = task.wire
        kept = (
            "reasonForIncompletion",
            "callbackAfterSeconds",
            "workerId",
            "subWorkflowId",
            "workflowInstanceId",
            "taskId",
        )
        result = {member: wire.get(member) for member in kept}
        result.update(status=status, outputData={**task.output, **(output or {})})
        if worker_id:
            result["workerId"] = worker_id
        self._update(result)
        return task.task_id

    def _blocked(
        self, workflow: WorkflowRecord, counts: Callable[[TaskRecord], bool]
    ) -> tuple[WorkflowRecord, TaskRecord] | None:
        """The first open WAIT task in the workflow, or else in its running children."""
        open_tasks = [task for task in workflow.tasks if not task.ended]
        for task in open_tasks:
            if task.wire["taskType"] == "WAIT" and counts(task):
                return workflow, task
        for task in open_tasks:
            child = self._workflows.get(task.wire.get("subWorkflowId", ""))
            found = self._blocked(child, counts) if child is not None else None
            if found is not None:
                return found
        return None

    # Tasks and logs

    def get_task(self, task_id: str) -> Wire:
        """The task. Refusal 404."""
        with self.transaction():
            found = self._find_task(task_id)
            if found is None:
                raise Refusal(404, f"Task not found for taskId: {task_id}")
            return render_task(found[1], self._now_ms)

    def add_log(self, task_id: str, text: str) -> None:
        """Add an entry to a task's log. An unknown task id is no error."""
        with self.transaction():
            self._store.add_logs([{"log": text, "taskId": task_id, "createdTime": self._now_ms}])

    def get_logs(self, task_id: str) -> list[Wire]:
        with self.transaction():
            return self._store.logs(task_id)


def _set_or_remove(wire: Wire, member: str, value: Any) -> None:
    if value is None:
        wire.pop(member, None)
    else:
        wire[member] = value
