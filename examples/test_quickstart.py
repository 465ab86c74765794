"""Testing workers: a function alone, and workers in a workflow on an embedded server."""

from quickstart import long_running_worker, simple_worker

from conductor import ApiClient, TaskRunner, WorkflowDef, WorkflowExecutor, WorkflowTask
from conductor.testing import DevServer, run_worker


def test_a_function_alone() -> None:
    assert run_worker(simple_worker).output_data["message"] == "Hello World"


# With pytest_plugins = ["conductor.testing.pytest_plugin"] in conftest.py, each test gets a server of its own.
def test_two_workers_in_a_workflow(
    conductor_dev_server: DevServer, conductor_api_client: ApiClient, conductor_task_runner: TaskRunner
) -> None:
    workflows = WorkflowExecutor(conductor_api_client)
    steps = [
        WorkflowTask("simple_task", "simple"),
        WorkflowTask("long_running_task", "long", input_parameters={"message": "${simple.output.message}"}),
    ]
    workflows.register_workflow(WorkflowDef("quickstart", steps, owner_email="team@example.com"))
    workflow_id = workflows.start_workflow("quickstart")

    conductor_task_runner.start_worker("simple_task", simple_worker)
    conductor_task_runner.start_worker("long_running_task", long_running_worker)
    conductor_dev_server.join(timeout=10)  # TaskFailed, with reason and log, if a task has failed for good

    assert workflows.get_workflow(workflow_id).output == {"heard": "Hello World", "deliveries": 2}
