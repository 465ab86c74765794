"""The external payload storage of the embedded server."""

import json

import pytest
import urllib3

from conductor import (
    ApiClient,
    AuthenticationSettings,
    ConfigurationError,
    HttpSettings,
    PayloadError,
    PayloadSettings,
    TaskExecutor,
    TaskResult,
    TaskResultStatus,
    TaskRunner,
    WorkflowExecutor,
    process_pool,
)
from conductor.testing import DevServer
from support.process_functions import work
from support.spelling import as_coroutine

THRESHOLD = 1000
TEXT = "x" * 2 * THRESHOLD


@pytest.fixture
def server():
    with DevServer(
        payload_storage=True, task_payload_threshold=THRESHOLD, workflow_payload_threshold=THRESHOLD
    ) as server:
        yield server


@pytest.fixture(params=[None, THRESHOLD], ids=["the server moves outputs", "the worker uploads outputs"])
def api_client(server, request):
    settings = PayloadSettings(upload_over=request.param)
    with ApiClient(http_settings=HttpSettings(server.url), payload_settings=settings) as client:
        yield client


def echo(input_of):
    return {"do": "echo", "with": input_of}


def register(api_client, *tasks, output="${last.output.value}"):
    steps = [
        {"name": name, "taskReferenceName": ref, "type": "SIMPLE", "inputParameters": parameters}
        for name, ref, parameters in tasks
    ]
    definition = {"name": "wf", "ownerEmail": "a@example.com", "tasks": steps, "outputParameters": {"value": output}}
    WorkflowExecutor(api_client).register_workflow(definition | {"schemaVersion": 2, "timeoutSeconds": 0})


WORKERS = {"thread": (work, None), "coroutine": (as_coroutine(work), None), "process": (work, process_pool(1))}


def test_large_payloads_go_through_a_workflow_of_all_kinds_of_workers(server, api_client):
    source, tasks = "${workflow.input.text}", []
    for name in WORKERS:
        tasks.append((name, name, echo(source)))
        source = f"${{{name}.output.value}}"
    register(api_client, *tasks, output=source)
    workflows = WorkflowExecutor(api_client)
    with TaskRunner(api_client) as runner:
        for name, (function, executor) in WORKERS.items():
            runner.start_worker(name, function, executor=executor)
        workflow_id = workflows.start_workflow("wf", {"text": TEXT})
        server.join(20)
    moved = workflows.get_workflow(workflow_id)
    assert (moved.status, moved.input, moved.output) == ("COMPLETED", {}, {})
    assert all(not task.input_data and task.external_input_payload_storage_path for task in moved.tasks)
    assert all(not task.output_data and task.external_output_payload_storage_path for task in moved.tasks)
    fetched = workflows.get_workflow(workflow_id, fetch_payloads=True)
    assert (fetched.input, fetched.output) == ({"text": TEXT}, {"value": TEXT})
    assert [task.input_data["with"] for task in fetched.tasks] == [TEXT] * 3
    assert [task.output_data["value"] for task in fetched.tasks] == [TEXT] * 3


def test_a_task_that_was_put_back_gets_its_large_output_again(server, api_client):
    def in_two_steps(task):
        if task.poll_count > 1:
            return {"value": len(task.output_data["text"])}
        result = TaskResult.from_task(task)
        result.status, result.output_data = TaskResultStatus.IN_PROGRESS, {"text": TEXT}
        return result

    register(api_client, ("last", "last", {}))
    with TaskRunner(api_client) as runner:
        runner.start_worker("last", in_two_steps)
        workflow_id = WorkflowExecutor(api_client).start_workflow("wf")
        server.join(10)
    assert WorkflowExecutor(api_client).get_workflow(workflow_id).output == {"value": len(TEXT)}


def location(server, path, operation):
    with ApiClient(http_settings=HttpSettings(server.url)) as client:
        return TaskExecutor(client).external_storage_location(path, operation, "TASK_OUTPUT")


def test_an_address_is_for_one_operation_on_one_payload(server):
    write = location(server, "new.json", "WRITE")
    assert urllib3.request("GET", write.uri).status == 403
    assert urllib3.request("PUT", write.uri.replace("new.json", "other.json"), json={}).status == 403
    assert urllib3.request("PUT", write.uri.partition("?")[0], json={}).status == 403
    assert urllib3.request("PUT", write.uri, json={"a": 1}).status == 200
    read = location(server, "new.json", "READ")
    assert urllib3.request("GET", read.uri).json() == {"a": 1}
    assert urllib3.request("GET", location(server, "unknown.json", "READ").uri).status == 404


def test_a_storage_asks_for_no_token():
    key = AuthenticationSettings("id", "secret")
    server = DevServer(key=key, payload_storage=True, task_payload_threshold=THRESHOLD)
    with server, ApiClient(key, HttpSettings(server.url)) as client:
        register(client, ("last", "last", echo("${workflow.input.text}")))
        with TaskRunner(client) as runner:
            runner.start_worker("last", work)
            workflow_id = WorkflowExecutor(client).start_workflow("wf", {"text": TEXT})
            server.join(10)
        assert WorkflowExecutor(client).get_workflow(workflow_id).output == {"value": TEXT}
        write = TaskExecutor(client).external_storage_location("new.json", "WRITE", "TASK_OUTPUT")
        assert urllib3.request("PUT", write.uri, json={}).status == 200


def test_faults_of_the_storage_can_be_asked_for(server, api_client, monkeypatch):
    monkeypatch.setattr("conductor.runner.task_payloads.PAUSES", (0.01, 0.01))
    server.faults.status("GET /payloads/{path}", 503, times=2)
    register(api_client, ("last", "last", echo("${workflow.input.text}")))
    with TaskRunner(api_client) as runner:
        runner.start_worker("last", work)
        WorkflowExecutor(api_client).start_workflow("wf", {"text": TEXT})
        server.join(10)


def test_payloads_survive_a_restart_and_go_with_their_workflow(tmp_path):
    server = DevServer(db=tmp_path / "db", payload_storage=True, workflow_payload_threshold=THRESHOLD, retention=1)
    with server, ApiClient(http_settings=HttpSettings(server.url)) as client:
        register(client, ("last", "last", {}))
        workflow_id = WorkflowExecutor(client).start_workflow("wf", {"text": TEXT})
    with server, ApiClient(http_settings=HttpSettings(server.url)) as client:
        workflows = WorkflowExecutor(client)
        found = workflows.get_workflow(workflow_id, fetch_payloads=True)
        assert found.input == {"text": TEXT}
        path = workflows.get_workflow(workflow_id).external_input_payload_storage_path
        for each in (workflow_id, workflows.start_workflow("wf")):
            workflows.terminate(each)
        assert urllib3.request("GET", location(server, path, "READ").uri).status == 404


def test_without_a_storage_a_path_has_no_address_and_the_thresholds_count_all_the_same():
    with DevServer(workflow_payload_threshold=THRESHOLD) as server:
        with ApiClient(http_settings=HttpSettings(server.url)) as client:
            register(client, ("last", "last", {}))
            workflows = WorkflowExecutor(client)
            workflow_id = workflows.start_workflow("wf", {"text": TEXT})
            assert workflows.get_workflow(workflow_id).external_input_payload_storage_path
            with pytest.raises(PayloadError, match="the workflow's input lies in the server's external storage"):
                workflows.get_workflow(workflow_id, fetch_payloads=True)
        assert location(server, "p", "READ").uri is None
        url = server.url.removesuffix("/api")
        answer = urllib3.request("GET", f"{url}/payloads/p?signature=x")
        assert (answer.status, json.loads(answer.data)["message"]) == (404, "No static resource payloads/p.")


@pytest.mark.parametrize(
    "options",
    [
        {"payload_storage": "yes"},
        {"task_payload_threshold": 0},
        {"task_payload_threshold": 10**9},
        {"workflow_payload_threshold": 1.5},
        {"workflow_payload_threshold": True},
    ],
)
def test_options_that_cannot_work_are_named(options):
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        DevServer(**options)
