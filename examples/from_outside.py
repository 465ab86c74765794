"""Calls from outside of a worker: register and start a workflow, complete one of its tasks, look at the result."""

from conductor import TaskDef, TaskExecutor, TaskResultStatus, WorkflowDef, WorkflowExecutor, WorkflowTask


def approve() -> str | None:
    with TaskExecutor() as tasks, WorkflowExecutor() as workflows:
        tasks.register_task_defs(TaskDef("approve_order", owner_email="team@example.com"))
        approve_order = WorkflowTask("approve_order", "approval")
        workflows.register_workflow(WorkflowDef("order", [approve_order], owner_email="team@example.com"))

        workflow_id = workflows.start_workflow("order", {"number": 7})
        tasks.update_task_by_ref_name("approval", workflow_id, TaskResultStatus.COMPLETED, {"by": "Ada"})
        return workflows.get_workflow(workflow_id).status


if __name__ == "__main__":
    print(approve())
