"""What an executor makes of answers that are odd, and of definitions of a newer server: it hides and loses nothing."""

import pytest
from conductor_client import decoding
from conductor_client.api import metadata_resource as metadata

from conductor import DecodeError, TaskExecutor, WorkflowExecutor
from support.stub import Answer

NEWER = {"name": "n", "retryCount": 3, "newer": {"a": [None, 1]}, "inputSchema": {"name": "s", "newerToo": True}}
GOOD = {"taskId": "good", "workflowInstanceId": "w"}
ODD = {"taskId": 5, "workflowTask": {"name": None, "decisionCases": {"x": None}}, "seq": "x", "inputData": 7}


@pytest.fixture(autouse=True)
def nothing_is_told_yet(monkeypatch):
    monkeypatch.setattr(decoding, "_told", set())


def test_a_task_definition_keeps_what_this_version_does_not_know(stub, api_client):
    stub.answers["GET /metadata/taskdefs/n"].append(Answer(body=NEWER))
    executor = TaskExecutor(api_client)
    definition = executor.get_task_def("n")
    definition.retry_count = 5
    executor.update_task_def(definition)
    executor.register_task_defs(definition)
    assert [request.json() for request in stub.requests[1:]] == [NEWER | {"retryCount": 5}, [NEWER | {"retryCount": 5}]]


def test_a_workflow_definition_keeps_what_this_version_does_not_know(stub, api_client):
    step = {"name": None, "taskReferenceName": "r", "hedge": 1, "taskDefinition": {"retryCount": "many", "newer": 2}}
    loop = {"name": "l", "taskReferenceName": "l", "loopOver": [step], "decisionCases": {"x": [step]}}
    wire = {"name": "n", "tasks": [loop], "newer": [1]}
    stub.answers["GET /metadata/workflow/n"].append(Answer(body=wire))
    stub.answers["GET /workflow/w"].append(Answer(body={"workflowId": "w", "workflowDefinition": wire}))
    stub.answers["PUT /metadata/workflow"].extend([Answer(body={})] * 2)
    executor = WorkflowExecutor(api_client)
    named = step | {"taskDefinition": {"name": None, "retryCount": "many", "newer": 2}}
    expected = {"name": "n", "tasks": [loop | {"loopOver": [named], "decisionCases": {"x": [named]}}], "newer": [1]}
    for definition in (
        api_client.call(metadata.get_workflow_def.sync, "n"),
        executor.get_workflow("w").workflow_definition,
    ):
        executor.register_workflow(definition)
        assert stub.requests[-1].json() == [expected]


def test_one_odd_item_of_a_list_hides_no_other(stub, api_client, caplog):
    tasks, workflows = TaskExecutor(api_client), WorkflowExecutor(api_client)
    stub.answers["GET /metadata/taskdefs"].append(Answer(body=[{"retryCount": 1}, 7, {"name": "good"}]))
    assert [each.name for each in tasks.get_task_defs()] == [None, "good"]
    stub.answers["GET /tasks/search"].append(Answer(body={"totalHits": "2", "results": [{"taskId": 5}, GOOD]}))
    found = tasks.search()
    assert (found.total_hits, [each.task_id for each in found.results]) == (2, [None, "good"])
    stub.answers["GET /workflow/search"].append(Answer(body={"results": [{"status": 5, "workflowId": "w"}, []]}))
    assert [each.workflow_id for each in workflows.search().results] == ["w"]
    stub.answers["GET /workflow/w"].append(Answer(body={"status": "RUNNING", "tasks": [ODD, GOOD, None]}))
    workflow = workflows.get_workflow("w")
    assert (workflow.status, [each.task_id for each in workflow.tasks]) == ("RUNNING", [None, "good"])
    assert "Task.seq" in caplog.text


def test_an_odd_task_is_shown_as_far_as_it_can_be_read(stub, api_client):
    stub.answers["GET /tasks/good"].append(Answer(body=ODD | GOOD))
    task = TaskExecutor(api_client).get_task("good")
    assert (task.seq, task.input_data, task.workflow_task.name, task.workflow_task.decision_cases) == (0, {}, None, {})


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("{]}", "JSON is malformed: object keys must be strings (byte 1)"),
        ("<html>", "JSON is malformed: invalid character (byte 0)"),
        ('{"name": "hush"', "Input data was truncated"),
        ("[]", "Expected an object"),
    ],
)
def test_what_is_wrong_with_an_object_is_said(stub, api_client, body, problem):
    stub.answers["GET /metadata/taskdefs/n"].append(Answer(body=body))
    with pytest.raises(DecodeError) as caught:
        TaskExecutor(api_client).get_task_def("n")
    assert f"GET /metadata/taskdefs/n answered 200: {problem}" in str(caught.value)


@pytest.mark.parametrize("body", ["[]", "7", '"text"', "null", "{", '{"name": null}', '{"error": "log in"}', "NaN"])
def test_what_is_no_definition_is_a_decode_error(stub, api_client, body):
    stub.answers["GET /metadata/taskdefs/n"].append(Answer(body=body))
    with pytest.raises(DecodeError):
        TaskExecutor(api_client).get_task_def("n")
