"""Workflows that are started and waited for, and ones that run again, on the embedded server."""

import threading
import time

import pytest

from conductor import (
    ApiClient,
    ConfigurationError,
    ConflictError,
    DecodeError,
    HttpSettings,
    NotFoundError,
    TaskDef,
    TaskExecutor,
    TaskRunner,
    Workflow,
    WorkflowDef,
    WorkflowExecutor,
    WorkflowStatus,
    WorkflowTask,
)
from conductor.testing import DevServer
from support.stub import Answer
from support.waiting import eventually

EXECUTE = "POST /workflow/execute/flow/0"


@pytest.fixture
def client():
    with DevServer() as server, ApiClient(http_settings=HttpSettings(server.url, read_timeout=5)) as client:
        yield client


@pytest.fixture
def workflows(client):
    """Version 1 of "flow" has the tasks a and b, its version 2 waits for a signal before a."""
    executor = WorkflowExecutor(client)
    owner = "team@example.com"
    tasks = [
        WorkflowTask(name=name, task_reference_name=name, input_parameters={"given": "${workflow.input.given}"})
        for name in ("a", "b")
    ]
    TaskExecutor(client).register_task_defs(
        *(TaskDef(name=task.name, retry_count=0, owner_email=owner) for task in tasks)
    )
    executor.register_workflow(WorkflowDef(name="flow", tasks=tasks, owner_email=owner))
    signal = WorkflowTask(name="signal", task_reference_name="signal", type="WAIT")
    executor.register_workflow(WorkflowDef(name="flow", version=2, tasks=[signal, tasks[0]], owner_email=owner))
    return executor


@pytest.fixture
def runner(client):
    with TaskRunner(client) as runner:
        for name in ("a", "b"):
            runner.start_worker(name, lambda task: {"had": task.input_data["given"]})
        yield runner


def test_a_workflow_is_returned_when_it_has_ended(workflows, runner):
    workflow = workflows.execute_workflow("flow", {"given": 7}, version=1, correlation_id="c", priority=3)
    assert workflow.status is WorkflowStatus.COMPLETED
    assert [task.output_data for task in workflow.tasks] == [{"had": 7}, {"had": 7}]
    assert (workflow.correlation_id, workflow.priority, workflow.workflow_version) == ("c", 3, 1)


def test_a_workflow_that_does_not_end_is_returned_after_the_timeout(workflows):
    started = time.monotonic()
    workflow = workflows.execute_workflow("flow", version=1, timeout=0.1)
    assert time.monotonic() - started < 10  # of the 20 s that it would wait unless told
    assert workflow.status is WorkflowStatus.RUNNING
    assert workflow.workflow_id


def test_a_workflow_is_waited_for_through_a_wait_task_too(workflows, runner, client, monkeypatch):
    monkeypatch.setattr("conductor._execute_workflow.LOOK_PACE", 0.02)
    found = []
    waiting = threading.Thread(
        target=lambda: found.append(workflows.execute_workflow("flow", {"given": 7}, timeout=20))
    )
    waiting.start()
    running = eventually(lambda: workflows.search("status=RUNNING").results)
    TaskExecutor(client).signal(running[0].workflow_id, "COMPLETED")
    waiting.join(20)
    (workflow,) = found
    assert (workflow.status, workflow.workflow_version) == (WorkflowStatus.COMPLETED, 2)


def test_a_workflow_that_waits_is_returned_as_it_is_after_the_timeout(workflows):
    workflow = workflows.execute_workflow("flow", timeout=0.05)
    assert workflow.status is WorkflowStatus.RUNNING


def test_a_workflow_that_does_not_exist_is_not_found_and_no_timeout_can_be_nonsense(workflows):
    with pytest.raises(NotFoundError):
        workflows.execute_workflow("no_such_flow")
    for timeout in (-1, float("nan"), "5"):
        with pytest.raises(ConfigurationError, match="timeout"):
            workflows.execute_workflow("flow", timeout=timeout)


@pytest.mark.parametrize(("timeout", "asked"), [(0, "1"), (1.2, "2"), (20, "20"), (3600, "20")])
def test_the_server_is_asked_to_wait_whole_seconds_within_what_it_can(stub, api_client, timeout, asked):
    stub.answers[EXECUTE].append(Answer(body={"targetWorkflowId": "w"}))
    stub.answers["GET /workflow/w"].append(Answer(body={"workflowId": "w", "status": "COMPLETED"}))
    WorkflowExecutor(api_client).execute_workflow("flow", timeout=timeout)
    assert stub.of(EXECUTE)[0].query == {"waitForSeconds": asked}


def test_a_workflow_is_returned_when_the_task_that_was_named_has_ended(workflows, client, monkeypatch):
    monkeypatch.setattr("conductor._execute_workflow.LOOK_PACE", 0.02)
    found = []
    waiting = threading.Thread(
        target=lambda: found.append(workflows.execute_workflow("flow", timeout=60, wait_until_task_ref=" a ,signal"))
    )
    waiting.start()
    running = eventually(lambda: workflows.search("status=RUNNING").results)  # the WAIT task before it keeps nobody
    TaskExecutor(client).signal(running[0].workflow_id, "COMPLETED")
    waiting.join(20)
    (workflow,) = found
    assert workflow.status is WorkflowStatus.RUNNING
    assert workflow.tasks[0].status == "COMPLETED"


@pytest.mark.parametrize(
    ("status", "returned"),
    [("SCHEDULED", False), ("IN_PROGRESS", False), *((status, True) for status in ("COMPLETED", "FAILED", "SKIPPED"))],
)
def test_a_task_has_ended_whatever_its_status_then(stub, api_client, status, returned):
    task = {"taskId": "t", "workflowInstanceId": "w", "referenceTaskName": "a", "status": status}
    stub.answers[EXECUTE].append(Answer(body={"targetWorkflowId": "w"}))
    first = {"workflowId": "w", "status": "RUNNING", "tasks": [{**task, "referenceTaskName": "b"}, task]}
    stub.answers["GET /workflow/w"].append(Answer(body=first))
    stub.answers["GET /workflow/w"].append(Answer(body={"workflowId": "w", "status": "COMPLETED"}))
    workflow = WorkflowExecutor(api_client).execute_workflow("flow", timeout=30, wait_until_task_ref="a")
    assert (workflow.status == "RUNNING") is returned
    assert stub.of(EXECUTE)[0].query == {"waitForSeconds": "20", "waitUntilTaskRef": "a"}


def test_an_answer_may_take_longer_than_the_read_timeout_by_what_the_server_is_asked_to_wait(stub, monkeypatch):
    stub.answers[EXECUTE].append(Answer(body={"targetWorkflowId": "w"}, delay=0.4))
    ended = Workflow(workflow_id="w", status=WorkflowStatus.FAILED)
    with ApiClient(http_settings=HttpSettings(stub.url, read_timeout=0.2)) as client:
        # this call has the read timeout alone, which a machine that is held up exceeds
        monkeypatch.setattr("conductor._execute_workflow._look", lambda api, workflow_id: ended)
        assert WorkflowExecutor(client).execute_workflow("flow") is ended


def test_an_answer_without_a_workflow_is_a_decode_error(stub, api_client):
    stub.answers[EXECUTE].append(Answer(body={}))
    with pytest.raises(DecodeError, match="no workflow"):
        WorkflowExecutor(api_client).execute_workflow("flow")


def test_an_ended_workflow_runs_again_wholly_or_from_a_task_on(workflows, runner):
    workflow_id = workflows.execute_workflow("flow", {"given": 1}, version=1).workflow_id

    def outputs_after(**rerun):
        assert workflows.rerun(workflow_id, **rerun) == workflow_id
        eventually(lambda: workflows.get_workflow_status(workflow_id).status == WorkflowStatus.COMPLETED)
        return [task.output_data["had"] for task in workflows.get_workflow(workflow_id).tasks]

    assert outputs_after() == [1, 1]
    assert outputs_after(workflow_input={"given": 2}, correlation_id="again") == [2, 2]
    assert workflows.get_workflow(workflow_id).correlation_id == "again"
    second = workflows.get_workflow(workflow_id).tasks[1].task_id
    assert outputs_after(task_id=second, task_input={"given": 3}) == [2, 3]


def test_a_running_workflow_does_not_run_again(workflows):
    with pytest.raises(ConflictError):
        workflows.rerun(workflows.start_workflow("flow", version=1))
