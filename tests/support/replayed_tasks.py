"""Tasks that a worker has run, for tests of replays."""

from conductor import ApiClient, HttpSettings, TaskExecutor, TaskRunner, WorkflowDef, WorkflowExecutor, WorkflowTask
from conductor.models import TaskDef


def task_ids(url, pay):
    """By amount: the ids of the tasks of the type pay that the function has run. 5 is COMPLETED, 500 FAILED."""
    step = WorkflowTask("pay", "pay", input_parameters={"amount": "${workflow.input.amount}"})
    with ApiClient(http_settings=HttpSettings(url)) as client, TaskRunner(client) as runner:
        TaskExecutor(client).register_task_defs(TaskDef("pay", retry_count=0))
        workflows = WorkflowExecutor(client)
        workflows.register_workflow(WorkflowDef("flow", [step], owner_email="team@example.com"))
        runner.start_worker("pay", pay)
        done = {amount: workflows.execute_workflow("flow", {"amount": amount}, timeout=30) for amount in (5, 500)}
        return {amount: workflow.tasks[0].task_id for amount, workflow in done.items()}
