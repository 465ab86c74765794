"""Definitions that are read, changed and sent again."""

import json

import pytest
import urllib3
from conductor_client.api import metadata_resource as metadata

OWNER = "team@example.com"


@pytest.fixture
def on_the_wire(server_url):
    """What GET answers, without the moments of creation and change."""
    pool = urllib3.PoolManager()

    def get(path):
        answer = pool.request("GET", f"{server_url}{path}").json()
        return {name: value for name, value in answer.items() if name not in ("createTime", "updateTime", "updatedBy")}

    yield get
    pool.clear()


@pytest.fixture
def put(server_url):
    """Sends JSON as it is, with no client of ours in between."""

    def send(method, path, body):
        headers = {"Content-Type": "application/json"}
        answer = urllib3.request(method, f"{server_url}{path}", body=json.dumps(body), headers=headers)
        assert answer.status == 200, answer.data

    return send


def rich_task_def(name):
    return {
        "name": name,
        "description": "d",
        "ownerEmail": OWNER,
        "retryCount": 2,
        "timeoutSeconds": 100,
        "inputKeys": ["a"],
        "outputKeys": ["b"],
        "timeoutPolicy": "RETRY",
        "retryLogic": "EXPONENTIAL_BACKOFF",
        "retryDelaySeconds": 5,
        "responseTimeoutSeconds": 50,
        "inputTemplate": {"x": None, "y": [1]},
        "rateLimitPerFrequency": 1,
        "rateLimitFrequencyInSeconds": 2,
        "pollTimeoutSeconds": 60,
        "backoffScaleFactor": 3,
        "maxRetryDelaySeconds": 77,
        "backoffJitterMs": 12,
        "totalTimeoutSeconds": 400,
        "concurrentExecLimit": 3,
    }


def rich_workflow_def(name):
    simple = {"name": name, "taskReferenceName": "a", "type": "SIMPLE", "inputParameters": {"a": None, "b": [1]}}
    simple |= {"optional": True, "retryCount": 4, "startDelay": 1, "taskDefinition": rich_task_def(name)}
    case = {"name": name, "taskReferenceName": "b", "type": "SIMPLE", "metadata": {"z": [None]}}
    sub = {"name": "sub", "taskReferenceName": "sub", "type": "SUB_WORKFLOW"}
    sub["subWorkflowParam"] = {"name": name, "version": 3, "taskToDomain": {"*": "d"}}
    switch = {"name": "sw", "taskReferenceName": "sw", "type": "SWITCH", "evaluatorType": "value-param"}
    switch |= {"expression": "e", "inputParameters": {"e": "x"}, "decisionCases": {"x": [case]}, "defaultCase": [sub]}
    return {
        "name": name,
        "version": 3,
        "ownerEmail": OWNER,
        "schemaVersion": 2,
        "failureWorkflow": "f",
        "inputParameters": ["a"],
        "outputParameters": {"o": "${workflow.input.x}"},
        "restartable": False,
        "timeoutPolicy": "ALERT_ONLY",
        "timeoutSeconds": 9,
        "variables": {"v": 1},
        "inputTemplate": {"t": None},
        "tasks": [simple, switch],
    }


def test_a_task_definition_that_is_read_and_sent_again_is_the_same(tasks, name, put, on_the_wire):
    put("POST", "/metadata/taskdefs", [rich_task_def(name)])
    before = on_the_wire(f"/metadata/taskdefs/{name}")
    assert rich_task_def(name).items() <= before.items()
    definition = tasks.get_task_def(name)
    definition.retry_count = 7
    tasks.update_task_def(definition)
    assert on_the_wire(f"/metadata/taskdefs/{name}") == before | {"retryCount": 7}


def test_a_workflow_definition_that_is_read_and_sent_again_is_the_same(api_client, workflows, name, put, on_the_wire):
    put("PUT", "/metadata/workflow", [rich_workflow_def(name)])
    before = on_the_wire(f"/metadata/workflow/{name}")
    definition = api_client.call(metadata.get_workflow_def.sync, name)
    definition.description = "changed"
    workflows.register_workflow(definition)
    assert on_the_wire(f"/metadata/workflow/{name}") == before | {"description": "changed"}
