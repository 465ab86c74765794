"""Calls under ``/workflow``: start and read workflows, and the calls of an operator."""

from __future__ import annotations

from conductor.testing.engine.definitions import normalise_workflow_def
from conductor.testing.engine.endings import short_name
from conductor.testing.engine.model import (
    Refusal,
    TaskRecord,
    Termination,
    Wire,
    WorkflowRecord,
    new_task,
    render_workflow,
)
from conductor.testing.engine.payloads import check_depth
from conductor.testing.engine.task_calls import TaskCalls
from conductor.testing.engine.validation import check_workflow_def, problem, refuse


class WorkflowCalls(TaskCalls):
    """Start, read, pause, resume, decide, terminate, skip and remove."""

    def start_workflow(self, request: Wire) -> str:
        """Start a workflow by a StartWorkflowRequest, with its workflowDef or a registered one. Returns the id. Refusal
        400, 404.
        """
        with self.transaction():
            workflow = self._start(request)
            return workflow.workflow_id

    def _start(self, request: Wire) -> WorkflowRecord:
        name, priority = request.get("name"), request.get("priority") or 0
        if name is None:
            refuse([problem("startWorkflow.arg0.name", "Workflow name cannot be null or empty")])
        if priority > 99:
            text = f"priority: {priority} should be maximum 99"
            refuse([problem("startWorkflow.arg0.priority", text, priority)])
        if priority < 0:
            text = f"priority: {priority} should be minimum 0"
            refuse([problem("startWorkflow.arg0.priority", text, priority)])
        if not name:
            raise Refusal(400, "Workflow name must be specified when searching for a definition")
        check_depth(request)
        given = request.get("workflowDef")
        if given is not None:
            definition = normalise_workflow_def(given)
            refuse(check_workflow_def(definition, "startWorkflow.arg0.workflowDef", self._stubs))
            blueprint = self._populate(definition)
        else:
            blueprint = self._blueprint_of(self._find_definition(str(name), request.get("version")))
        workflow = self._create(blueprint, request)
        self._decide(workflow)
        return workflow

    def get_workflow(self, workflow_id: str, include_tasks: bool = True) -> Wire:
        """The workflow. Refusal 404."""
        with self.transaction():
            return render_workflow(self._workflow(workflow_id), self._now_ms, include_tasks=include_tasks)

    def get_workflow_status(
        self, workflow_id: str, include_output: bool = False, include_variables: bool = False
    ) -> Wire:
        """The summary of the workflow. Refusal 404."""
        with self.transaction():
            wire = self._workflow(workflow_id).wire
            extra = {"output": include_output, "variables": include_variables}
            members = ["workflowId", "correlationId", *(member for member, wanted in extra.items() if wanted), "status"]
            return {member: wire[member] for member in members if member in wire}

    # By an operator

    def pause_workflow(self, workflow_id: str) -> None:
        """Schedule no more tasks until ``resume``. Refusal 404; 409 if it has ended."""
        with self.transaction():
            workflow = self._workflow(workflow_id)
            if workflow.ended:
                raise Refusal(409, f"Workflow {short_name(workflow)} has ended, status cannot be updated.")
            if workflow.wire["status"] != "PAUSED":
                workflow.wire["status"] = "PAUSED"
                self._save_workflow(workflow)

    def resume_workflow(self, workflow_id: str) -> None:
        """Schedule tasks again. Refusal 404; 500 if it is not paused."""
        with self.transaction():
            workflow = self._workflow(workflow_id)
            status = workflow.wire["status"]
            if status != "PAUSED":
                text = f"The workflow {workflow_id} is not PAUSED so cannot resume. Current status is {status}"
                raise Refusal(500, text)
            workflow.wire.update(status="RUNNING", lastRetriedTime=self._now_ms)
            self._save_workflow(workflow)
            self._decide(workflow)

    def decide_workflow(self, workflow_id: str) -> None:
        """Look at the workflow now. Refusal 404."""
        with self.transaction():
            self._decide(self._workflow(workflow_id))

    def terminate_workflow(self, workflow_id: str, reason: str | None = None) -> None:
        """End the workflow. If it was terminated before, nothing changes. Refusal 404; 409 if it is completed."""
        with self.transaction():
            workflow = self._workflow(workflow_id)
            if workflow.wire["status"] == "COMPLETED":
                raise Refusal(409, "Cannot terminate a COMPLETED workflow.")
            if workflow.wire["status"] != "TERMINATED":
                self._terminate(workflow, Termination(reason, "TERMINATED"))
                self._decide(workflow)

    def skip_task(self, workflow_id: str, ref_name: str, request: Wire | None = None) -> None:
        """Skip a task that has not begun, with the input and output of a SkipTaskRequest. Refusal 404, 500."""
        with self.transaction():
            workflow = self._workflow(workflow_id)
            workflow_task = workflow.blueprint.by_ref.get(ref_name)
            if workflow.wire["status"] != "RUNNING":
                text = (
                    f"The workflow {workflow_id} is not running so the task referenced by {ref_name} cannot be skipped"
                )
                raise Refusal(500, text)
            if workflow_task is None:
                name = workflow.wire["workflowName"]
                text = f"The task referenced by {ref_name} does not exist in the WorkflowDefinition {name}"
                raise Refusal(500, text)
            if workflow.latest(ref_name) is not None:
                raise Refusal(500, f"The task referenced {ref_name} has already been processed, cannot be skipped")
            self._add_skipped(workflow, workflow_task, request or {})
            self._decide(workflow)

    def _add_skipped(self, workflow: WorkflowRecord, workflow_task: Wire, request: Wire) -> None:
        task: TaskRecord = new_task(workflow, workflow_task, self._now_ms)
        task.workflow_task = {}
        task.wire.update(taskType=workflow_task["name"], status="SKIPPED", endTime=self._now_ms)
        task.wire["inputData"] = request.get("taskInput") or {}
        task.wire["outputData"] = request.get("taskOutput") or {}
        del task.wire["workflowType"]  # the server leaves seq out here, so the task has 0 and comes first
        self._add_task(workflow, task)
        workflow.tasks.insert(0, workflow.tasks.pop())
        self._save_workflow(workflow)

    def remove_workflow(self, workflow_id: str) -> None:
        """Remove the workflow, its tasks and their logs, open or ended. Refusal 404."""
        with self.transaction():
            workflow = self._workflow(workflow_id)
            for task in workflow.tasks:
                self._dequeue(task)
                self._tasks.pop(task.task_id, None)
                self._dirty_tasks.pop(task.task_id, None)
            self._workflows.pop(workflow_id, None)
            self._dirty_workflows.pop(workflow_id, None)
            self._unfinished.pop(workflow_id, None)
            self._store.delete_workflow(workflow_id)
