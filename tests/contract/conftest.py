"""Each scenario on two servers, the embedded one and a real one, with names that no other test uses."""

import time
import uuid

import pytest

from conductor import (
    ApiClient,
    HttpSettings,
    TaskDef,
    TaskExecutor,
    TaskRunner,
    WorkflowDef,
    WorkflowExecutor,
    WorkflowTask,
)
from conductor.testing.dev_server import DevServer
from support.rest import Rest
from support.waiting import eventually

OWNER = "team@example.com"


@pytest.fixture(params=["dev", pytest.param("real", marks=pytest.mark.real_server)])
def server_url(request):
    """The API URL of the server that a scenario runs on: each runs on both."""
    if request.param == "real":
        yield request.getfixturevalue("real_server_url")
    else:
        with DevServer() as server:
            yield server.url


@pytest.fixture
def rest(server_url):
    return Rest(server_url)


@pytest.fixture
def api_client(server_url):
    with ApiClient(http_settings=HttpSettings(server_url)) as client:
        yield client


@pytest.fixture
def tasks(api_client):
    return TaskExecutor(api_client)


@pytest.fixture
def workflows(api_client):
    return WorkflowExecutor(api_client)


@pytest.fixture
def runner(api_client):
    with TaskRunner(api_client, shutdown_timeout=10) as runner:
        yield runner


@pytest.fixture
def name():
    """A task's and workflow's name of this test's own."""
    return f"test_{uuid.uuid4().hex[:12]}"


@pytest.fixture
def a_workflow(tasks, workflows, name):
    """Registers a workflow of simple tasks: ``a_workflow("a")`` has the task NAME_a, by reference a."""

    def register(*refs, **of_each_task_def):
        settings = {"retry_count": 0, "response_timeout_seconds": 60, "owner_email": OWNER} | of_each_task_def
        tasks.register_task_defs(*(TaskDef(name=f"{name}_{ref}", **settings) for ref in refs))
        workflows.register_workflow(
            WorkflowDef(
                name=name,
                owner_email=OWNER,
                tasks=[
                    WorkflowTask(
                        name=f"{name}_{ref}", task_reference_name=ref, input_parameters={"given": "${workflow.input}"}
                    )
                    for ref in refs
                ],
            )
        )
        return name

    return register


@pytest.fixture
def ended(workflows):
    """Waits until a workflow has ended; returns it with its tasks by reference name, the last try of each.

    A decision that the server missed, because its lock was taken at the update and at the sweep, it makes up for only a
    minute or two later (seen on 3.32.3 on a busy machine, all tasks COMPLETED): after a while it is asked for.
    """

    def wait(workflow_id, timeout=30):
        ask_at = time.monotonic() + timeout / 2

        def over():
            if time.monotonic() > ask_at:
                workflows.decide(workflow_id)
            return workflows.get_workflow(workflow_id, include_tasks=False).status != "RUNNING"

        eventually(over, timeout)
        workflow = workflows.get_workflow(workflow_id)
        return workflow, {task.reference_task_name: task for task in workflow.tasks}

    return wait


@pytest.fixture
def run(workflows, name, ended):
    """Runs a workflow of the tasks. Returns it, and its tasks by reference name."""

    def run(*steps, correlation_id=None, **inputs):
        workflows.register_workflow(WorkflowDef(name, list(steps), owner_email=OWNER))
        return ended(workflows.start_workflow(name, inputs, correlation_id=correlation_id))

    return run


@pytest.fixture
def child(workflows, name):
    """The name of a workflow of one task, n1 in its first version and n2 in its second one."""
    child = f"{name}_child"
    for version in (1, 2):
        steps = [WorkflowTask("n", f"n{version}", type="NOOP")]
        workflows.register_workflow(WorkflowDef(child, steps, version=version, owner_email=OWNER))
    return child
