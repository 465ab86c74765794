"""Calls under ``/tasks`` that workers make after a poll: update, logs."""

from __future__ import annotations

from typing import Any

from conductor.testing.engine.calls.queues import Queues
from conductor.testing.engine.effects.mover import Mover
from conductor.testing.engine.records.records import TaskRecord, Wire
from conductor.testing.engine.records.refusals import Refusal, problem, refuse
from conductor.testing.engine.records.rendering import render_task, render_workflow
from conductor.testing.engine.records.sizes import check_depth
from conductor.testing.engine.state.payloads import forget_stored, uploaded
from conductor.testing.engine.state.state import State
from conductor.testing.engine.tasks.registry import Kinds

LOGS_PER_UPDATE = 10
_SINGLE_POLL_MS = 100
_NO_STATUS = (
    'Cannot invoke "com.netflix.conductor.common.metadata.tasks.TaskResult$Status.name()" because the return value of '
    '"com.netflix.conductor.common.metadata.tasks.TaskResult.getStatus()" is null'
)
_NEEDED = {"workflowInstanceId": "Workflow Id cannot be null or empty", "taskId": "Task ID cannot be null or empty"}


class Tasks:
    """Updates as on server 3.32.3."""

    def __init__(self, state: State, kinds: Kinds, mover: Mover, queues: Queues) -> None:
        self._state = state
        self._kinds = kinds
        self._mover = mover
        self._queues = queues

    # Update

    def update(self, result: Wire) -> str:
        """Apply a TaskResult. Returns its task id. The result of an ended task is ignored. Refusal 400, 404, 500."""
        with self._state.transaction():
            refuse([problem(f"updateTask.arg0.{name}", _NEEDED[name], result.get(name)) for name in _missing(result)])
            self._update(result)
            return str(result["taskId"])

    def update_v2(self, result: Wire) -> Wire | None:
        """Apply a TaskResult. If its task has ended, deliver the next task of its type and domain. Refusal 404, 500."""
        with self._state.transaction():
            missing = _missing(result)
            if missing:  # here the server does not make it a 400
                found = "; ".join(f"Field error in object 'taskResult' on field '{name}'" for name in missing)
                raise Refusal(500, f"Validation failed for argument [0] with {len(missing)} errors: {found}")
            task = self._update(result)
        if task is None or not task.ended:
            return None
        domain = task.wire.get("domain")
        polled = self._queues.poll(task.wire["taskType"], result.get("workerId"), domain, 1, _SINGLE_POLL_MS)
        return polled[0] if polled else None

    def _update(self, result: Wire) -> TaskRecord | None:
        """The updated task, also if it had ended before. None: the update has only extended its lease."""
        if result.get("extendLease"):
            self._extend_lease(result["taskId"])
            return None
        workflow = self._state.workflow(result["workflowInstanceId"])
        task = self._known_task(result["taskId"])
        if task.ended or workflow.ended:
            self._state.queues.take_out(task)
            return task
        if result.get("status") is None:
            raise Refusal(500, _NO_STATUS)
        check_depth(result)
        kept = task.wire.get("externalOutputPayloadStoragePath") if "outputData" in task.stored else None
        self._apply(task, result)
        self._state.save_task(task)
        logs = [{"createdTime": 0, **entry, "taskId": task.task_id} for entry in result.get("logs") or ()]
        self._state.store.logs.add(logs[:LOGS_PER_UPDATE])
        path = result.get("externalOutputPayloadStoragePath")
        if path and path != kept:  # for expressions; if there is none, nothing follows
            task.stored["outputData"] = uploaded(self._state.store, path)
        self._mover.decide(workflow)
        return task

    def _apply(self, task: TaskRecord, result: Wire) -> None:
        """Put a result into its task. IN_PROGRESS returns a worker's task to its queue."""
        wire = task.wire
        handed_back = self._kinds.is_for_workers(task) and result["status"] == "IN_PROGRESS"
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
        if task.ended:
            wire["endTime"] = self._state.now_ms
        elif handed_back:
            self._state.queues.put(task, wire["callbackAfterSeconds"])

    def _extend_lease(self, task_id: str) -> None:
        task = self._known_task(task_id)
        if not task.ended:
            self._state.save_task(task)

    def _known_task(self, task_id: str) -> TaskRecord:
        found = self._state.find_task(task_id)
        if found is None:
            raise Refusal(404, f"No such task found by id: {task_id}")
        return found[1]

    # By reference name

    def update_by_ref_name(
        self, workflow_id: str, ref_name: str, status: str, output: Wire | None, worker_id: str | None
    ) -> str:
        """Update the open task with the reference name, and add to its output. Returns its id. "" if there is none."""
        with self._state.transaction():
            task = self._pending(workflow_id, ref_name)
            return "" if task is None else self.update_pending(task, status, output, worker_id)

    def update_by_ref_name_sync(
        self, workflow_id: str, ref_name: str, status: str, output: Wire | None, worker_id: str | None
    ) -> Wire:
        """The same; returns the workflow after the update. Refusal 404."""
        with self._state.transaction():
            task = self._pending(workflow_id, ref_name)
            if task is None:
                raise Refusal(404, f"Found no running task {ref_name} of workflow {workflow_id} to update")
            self.update_pending(task, status, output, worker_id)
            return render_workflow(self._state.workflow(workflow_id), self._state.now_ms)

    def _pending(self, workflow_id: str, ref_name: str) -> TaskRecord | None:
        try:
            tasks = [task for task in self._state.workflow(workflow_id).tasks if not task.ended]
        except Refusal:
            return None
        by_name = [task for task in tasks if task.ref == ref_name]
        return next(iter(by_name or [task for task in tasks if task.base_ref == ref_name]), None)

    def update_pending(self, task: TaskRecord, status: str, output: Wire | None, worker_id: str | None) -> str:
        """Update an open task, and add to its output. Returns its id. The caller holds a transaction."""
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

    # Tasks and logs

    def get(self, task_id: str) -> Wire:
        """The task. Refusal 404."""
        with self._state.transaction():
            found = self._state.find_task(task_id)
            if found is None:
                raise Refusal(404, f"Task not found for taskId: {task_id}")
            return render_task(found[1], self._state.now_ms)

    def add_log(self, task_id: str, text: str) -> None:
        """Add an entry to a task's log. An unknown task id is no error."""
        with self._state.transaction():
            self._state.store.logs.add([{"log": text, "taskId": task_id, "createdTime": self._state.now_ms}])

    def logs(self, task_id: str) -> list[Wire]:
        with self._state.transaction():
            return self._state.store.logs.of_task(task_id)


def _set_or_remove(wire: Wire, member: str, value: Any) -> None:
    if value is None:
        wire.pop(member, None)
    else:
        wire[member] = value


def _missing(result: Wire) -> list[str]:
    """The members that a TaskResult must have, and this one has not."""
    return [name for name in _NEEDED if not result.get(name)]
