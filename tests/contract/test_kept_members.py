"""What requests and definitions bring that is easily lost: stamps, second names, paths of payloads, on both servers."""

import pytest
from contract.rows import row

OWNER = "team@example.com"


@pytest.fixture
def step(name):
    return {"name": f"{name}_a", "taskReferenceName": "a", "type": "SIMPLE"}


@pytest.fixture
def flow(name, step):
    return {"name": name, "version": 1, "ownerEmail": OWNER, "timeoutSeconds": 0, "tasks": [step]}


STAMPS = {"createTime": 5, "updateTime": 6, "createdBy": "me", "updatedBy": "you", "ownerApp": "app"}


@row("1.2-2")
def test_the_times_of_a_workflow_definition_depend_on_the_call(rest, name, flow):
    def stored():
        found = rest("GET", f"/metadata/workflow/{name}").json()
        assert (found["createdBy"], found["updatedBy"], found["ownerApp"]) == ("me", "you", "app")
        return found["createTime"] > 6, found["updateTime"] > 6, min(found["createTime"], found["updateTime"])

    assert rest("POST", "/metadata/workflow", {**flow, **STAMPS}).status == 200
    assert stored() == (True, False, 6)
    assert rest("PUT", "/metadata/workflow", [{**flow, **STAMPS}]).status == 200
    assert stored() == (False, True, 5)
    assert rest("POST", "/metadata/workflow?overwrite=true", {**flow, **STAMPS, "createTime": None}).status == 200
    assert stored() == (False, True, 0)


@row("1.2-1")
def test_the_server_writes_the_stamps_of_a_task_definition_itself(rest, name):
    definition = {"name": name, "ownerEmail": OWNER, **STAMPS}
    assert rest("POST", "/metadata/taskdefs", [definition]).status == 200
    found = rest("GET", f"/metadata/taskdefs/{name}").json()
    assert (found["createdBy"], found["updateTime"], found["ownerApp"]) == ("", 0, "app")
    assert found["createTime"] > 6
    assert "updatedBy" not in found
    assert rest("PUT", "/metadata/taskdefs", definition).status == 200
    again = rest("GET", f"/metadata/taskdefs/{name}").json()
    assert (again["createTime"], again["createdBy"], again["updatedBy"]) == (found["createTime"], "", "")
    assert again["updateTime"] > 6


@row("1.2-2")
def test_objects_inside_of_definitions_get_their_defaults(rest, name, flow, step):
    inner = {"name": f"{name}_a", "retryCount": 1, **STAMPS, "inputSchema": {"name": "s", "type": "JSON", "version": 2}}
    step |= {"taskDefinition": inner, "cacheConfig": {"key": "k"}}
    flow |= {"rateLimitConfig": {"rateLimitKey": "k"}, "outputSchema": {"name": "s", "type": "JSON"}}
    assert rest("PUT", "/metadata/workflow", [flow]).status == 200
    found = rest("GET", f"/metadata/workflow/{name}").json()
    assert found["rateLimitConfig"] == {"rateLimitKey": "k", "concurrentExecLimit": 0, "policy": "QUEUE"}
    assert found["outputSchema"] == {"name": "s", "type": "JSON", "version": 1, "createTime": 0, "updateTime": 0}
    assert found["tasks"][0]["cacheConfig"] == {"key": "k", "ttlInSecond": 0}
    kept = found["tasks"][0]["taskDefinition"]
    assert {member: kept[member] for member in STAMPS} == STAMPS
    assert kept["inputSchema"] == {"name": "s", "type": "JSON", "version": 2, "createTime": 0, "updateTime": 0}


@row("1.2-2")
def test_the_type_of_a_step_has_a_second_name(rest, name, flow, step, workflows):
    del step["type"]
    assert rest("POST", "/metadata/workflow", {**flow, "tasks": [{**step, "workflowTaskType": "WAIT"}]}).status == 200
    found = rest("GET", f"/metadata/workflow/{name}").json()["tasks"][0]
    assert (found["type"], found.get("workflowTaskType")) == ("WAIT", None)
    task = rest("GET", f"/workflow/{workflows.start_workflow(name)}").json()["tasks"][0]
    assert (task["taskType"], task["status"]) == ("WAIT", "IN_PROGRESS")


@row("1.2-3")
def test_an_input_template_is_for_inputs_that_have_anything(rest, name, flow):
    assert rest("POST", "/metadata/workflow", {**flow, "inputTemplate": {"t": 1, "u": 2}}).status == 200
    inputs = []
    for given in ({}, {"input": {}}, {"input": {"u": 3}}):
        workflow_id = rest("POST", "/workflow", {"name": name, **given}).data.decode()
        inputs.append(rest("GET", f"/workflow/{workflow_id}").json()["input"])
    assert inputs == [{}, {}, {"t": 1, "u": 3}]


@row("1-21")
def test_a_payload_that_is_not_in_the_storage_is_500(rest, name, flow, step):
    assert rest("POST", "/metadata/workflow", flow).status == 200
    answer = rest("POST", "/workflow", {"name": name, "externalInputPayloadStoragePath": "nowhere.json"})
    text = "Unable to download payload from external storage path: nowhere.json"
    assert (answer.status, answer.json()["message"]) == (500, text)
    both = {"name": name, "externalInputPayloadStoragePath": "nowhere.json", "input": {"n": 1}}
    workflow_id = rest("POST", "/workflow", both).data.decode()
    workflow = rest("GET", f"/workflow/{workflow_id}").json()
    assert (workflow["input"], workflow["status"]) == ({"n": 1}, "RUNNING")
    (task,) = workflow["tasks"]
    result = {"taskId": task["taskId"], "workflowInstanceId": workflow_id, "status": "COMPLETED"}
    answer = rest("POST", "/tasks", {**result, "externalOutputPayloadStoragePath": "nowhere.json"})
    assert (answer.status, answer.json()["message"]) == (500, text)
    assert rest("GET", f"/tasks/{task['taskId']}").json()["status"] == "COMPLETED"


@row("1.2-3")
@pytest.mark.parametrize("strategy", ["TARGET_WORKFLOW", "BLOCKING_WORKFLOW", "BLOCKING_TASK", "BLOCKING_TASK_INPUT"])
def test_the_answer_of_execute_is_in_the_form_that_was_asked_for(rest, name, flow, strategy):
    wait = {"name": "w", "taskReferenceName": "w", "type": "WAIT", "inputParameters": {"x": 1}}
    assert rest("POST", "/metadata/workflow", {**flow, "tasks": [wait]}).status == 200
    query = {"returnStrategy": strategy, "requestId": "mine", "waitForSeconds": 5, "consistency": "NONSENSE"}
    answer = rest("POST", f"/workflow/execute/{name}/1", {"name": "another"}, **query).json()
    assert (answer["responseType"], answer["requestId"], answer["signalTimeout"]) == (strategy, "mine", False)
    of_task = strategy.startswith("BLOCKING_TASK")
    assert (answer.get("referenceTaskName"), answer["input"]) == (("w", {"x": 1}) if of_task else (None, {}))
    assert ("tasks" in answer) is not of_task
