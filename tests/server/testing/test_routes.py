"""Every route once, on a workflow that goes through its whole life; statuses and media types as seen on 3.32.3."""

import json

import pytest

from conductor.testing.server.routes import OPERATIONS

JSON, TEXT = "application/json", "text/plain;charset=UTF-8"


def task(name, **more):
    return {"name": name, "taskReferenceName": f"{name}_ref", "type": "SIMPLE", **more}


class Life:
    """Makes each call, notes its operation, and checks how it is answered."""

    def __init__(self, http):
        self.http = http
        self.called = set()

    def __call__(self, operation, body=None, expect=200, media=None, query="", **path):
        self.called.add(operation)
        method, _, template = operation.partition(" ")
        answer = self.http(method, template.format(**path) + query, body)
        assert (answer.status, answer.media_type) == (expect, media), (operation, answer.body)
        if media == JSON:
            assert answer.headers["content-length"] == str(len(answer.body))
            return json.loads(answer.body)
        return answer.body.decode()


def metadata(call, name):
    call("POST /api/metadata/taskdefs", [{"name": name, "retryCount": 0, "ownerEmail": "a@b.c"}])
    call("PUT /api/metadata/taskdefs", {"name": name, "retryCount": 0, "responseTimeoutSeconds": 60})
    definition = call("GET /api/metadata/taskdefs/{tasktype}", media=JSON, tasktype=name)
    assert (definition["name"], definition["responseTimeoutSeconds"]) == (name, 60)
    assert name in {each["name"] for each in call("GET /api/metadata/taskdefs", media=JSON)}
    workflow = {"name": name, "version": 1, "schemaVersion": 2, "tasks": [task(name), task(f"{name}2")]}
    call("POST /api/metadata/workflow", workflow)
    call("POST /api/metadata/workflow", workflow, query="?overwrite=true")
    call("POST /api/metadata/workflow", workflow, expect=409, media=JSON)
    assert call("PUT /api/metadata/workflow", [workflow], media=JSON)["bulkSuccessfulResults"] == [name]
    found = call("GET /api/metadata/workflow/{name}", media=JSON, query="?version=1", name=name)
    assert found["tasks"][0]["taskReferenceName"] == f"{name}_ref"
    for path in ("workflow", "workflow/latest-versions"):
        assert name in {each["name"] for each in call(f"GET /api/metadata/{path}", media=JSON)}


def tasks(call, name):
    workflow = call("POST /api/workflow/{name}", {"n": 1}, media=TEXT, name=name, query="?priority=3&correlationId=c")
    polled = call("GET /api/tasks/poll/{tasktype}", media=JSON, tasktype=name, query="?workerid=me")
    assert (polled["workflowInstanceId"], polled["workflowPriority"]) == (workflow, 3)
    task_id = polled["taskId"]
    assert call("GET /api/tasks/{taskId}", media=JSON, taskId=task_id)["workerId"] == "me"
    call("POST /api/tasks/{taskId}/log", "a line", taskId=task_id)
    assert call("GET /api/tasks/{taskId}/log", media=JSON, taskId=task_id)[0]["log"] == "a line"
    result = {"taskId": task_id, "workflowInstanceId": workflow, "workerId": "me", "extendLease": True}
    assert call("POST /api/tasks", {**result, "status": "IN_PROGRESS"}, media=TEXT) == task_id
    call("POST /api/tasks/update-v2", {**result, "status": "IN_PROGRESS"}, expect=204)
    assert call("POST /api/tasks/queue/requeue/{taskType}", media=TEXT, taskType=name) == "1"
    again = call("GET /api/tasks/poll/batch/{tasktype}", media=JSON, tasktype=name, query="?count=2&timeout=1000")
    assert [each["taskId"] for each in again] == [task_id]
    by_name = {"workflowId": workflow, "taskRefName": f"{name}_ref", "status": "COMPLETED"}
    update = "POST /api/tasks/{workflowId}/{taskRefName}/{status}"
    assert call(update, {"n": 2}, media=TEXT, query="?workerid=you", **by_name) == task_id
    by_name["taskRefName"] = f"{name}2_ref"
    assert call(f"{update}/sync", {}, media=JSON, **by_name)["status"] == "COMPLETED"
    return workflow


def queues(call, name):
    assert name in call("GET /api/tasks/queue/all", media=JSON)
    assert name in call("GET /api/tasks/queue/all/verbose", media=JSON)
    assert call("GET /api/tasks/queue/size", media=JSON, query=f"?taskType={name}") == 0
    assert call("GET /api/tasks/queue/sizes", media=JSON, query=f"?taskType={name}&taskType=x") == {name: 0, "x": 0}
    assert call("GET /api/tasks/queue/polldata", media=JSON, query=f"?taskType={name}")[0]["queueName"] == name
    assert name in {each["queueName"] for each in call("GET /api/tasks/queue/polldata/all", media=JSON)}
    for path in ("external-storage-location", "externalstoragelocation"):
        where = call(f"GET /api/tasks/{path}", media=JSON, query="?path=a&operation=READ&payloadType=TASK_INPUT")
        assert list(where) == ["path"]
    for path in ("tasks/search", "tasks/search-v2", "workflow/search"):
        assert set(call(f"GET /api/{path}", media=JSON, query="?size=1")) == {"totalHits", "results"}


def workflows(call, name, finished):
    (found,) = call("POST /api/workflow/{name}/correlated", ["c"], media=JSON, query="?includeClosed=true", name=name)[
        "c"
    ]
    assert (found["workflowId"], found["tasks"]) == (finished, [])
    call("POST /api/workflow/{workflowId}/restart", expect=204, workflowId=finished)
    call("DELETE /api/workflow/{workflowId}", workflowId=finished, query="?reason=enough")
    gone = call("GET /api/workflow/{workflowId}", media=JSON, workflowId=finished, query="?includeTasks=false")
    assert (gone["status"], gone["reasonForIncompletion"], gone["tasks"]) == ("TERMINATED", "enough", [])
    call("POST /api/workflow/{workflowId}/retry", expect=204, workflowId=finished)
    call("DELETE /api/workflow/{workflowId}", workflowId=finished)
    assert call("POST /api/workflow/{workflowId}/rerun", {}, media=TEXT, workflowId=finished) == finished
    workflow = call("POST /api/workflow", {"name": name, "input": {}}, media=TEXT)
    call("PUT /api/workflow/{workflowId}/pause", workflowId=workflow)
    status = call("GET /api/workflow/{workflowId}/status", media=JSON, workflowId=workflow, query="?includeOutput=true")
    assert status["status"] == "PAUSED"
    call("PUT /api/workflow/{workflowId}/resume", workflowId=workflow)
    call("PUT /api/workflow/decide/{workflowId}", workflowId=workflow)
    skip = {"workflowId": workflow, "taskReferenceName": f"{name}2_ref"}
    call("PUT /api/workflow/{workflowId}/skiptask/{taskReferenceName}", **skip)
    wait = {"workflowId": workflow, "status": "COMPLETED"}
    call("POST /api/tasks/{workflowId}/{status}/signal", {}, **wait)
    call("POST /api/tasks/{workflowId}/{status}/signal/sync", {}, expect=404, media=JSON, **wait)
    execute = "POST /api/workflow/execute/{name}/{version}"
    call(execute, {"name": name}, media=JSON, name=name, version=1, query="?waitForSeconds=1")
    remove = "DELETE /api/workflow/{workflowId}/remove"
    call(remove, expect=400, media=JSON, workflowId=workflow)  # it runs
    call(remove, query="?archiveWorkflow=false", workflowId=workflow)
    call("GET /api/workflow/{workflowId}", expect=404, media=JSON, workflowId=workflow)


def names_and_versions(call, name):
    assert name in call("GET /api/metadata/workflow/names", media=JSON)
    assert [each["version"] for each in call("GET /api/metadata/workflow/names-and-versions", media=JSON)[name]] == [1]
    assert len(call("GET /api/metadata/workflow/{name}/versions", media=JSON, name=name)) == 1
    call("POST /api/metadata/workflow/validate", {"name": "new", "tasks": [task("a")]})


def lists(call, name):
    workflow = call("POST /api/workflow", {"name": name, "correlationId": "d"}, media=TEXT)
    assert call("GET /api/workflow/{workflowId}/tasks", media=JSON, workflowId=workflow)["totalHits"] == 1
    assert workflow in call("GET /api/workflow/running/{name}", media=JSON, name=name)
    of_id = {"name": name, "correlationId": "d"}
    assert len(call("GET /api/workflow/{name}/correlated/{correlationId}", media=JSON, **of_id)) == 1
    for path in ("search-v2", "search-by-tasks", "search-by-tasks-v2"):
        assert set(call(f"GET /api/workflow/{path}", media=JSON, query="?size=1")) == {"totalHits", "results"}
    for path in ("external-storage-location", "externalstoragelocation"):
        where = call(f"GET /api/workflow/{path}", media=JSON, query="?path=a&operation=READ&payloadType=WORKFLOW_INPUT")
        assert list(where) == ["path"]
    call("POST /api/workflow/{workflowId}/resetcallbacks", expect=204, workflowId=workflow)
    call("DELETE /api/workflow/{workflowId}/terminate-remove", workflowId=workflow)
    mocks = {f"{name}_ref": [{"output": {}}], f"{name}2_ref": [{"output": {"n": 1}}]}
    tested = call("POST /api/workflow/test", {"name": name, "taskRefToMockOutput": mocks}, media=JSON)
    assert (tested["status"], tested["output"]) == ("COMPLETED", {"n": 1})


def bulk(call, name):
    def done(operation, query="", **more):
        answer = call(f"{operation}", [workflow], media=JSON, query=query, **more)
        assert (answer["bulkErrorResults"], set(answer["bulkSuccessfulResults"])) == ({}, {workflow}), operation

    workflow = call("POST /api/workflow", {"name": name}, media=TEXT)
    done("PUT /api/workflow/bulk/pause")
    done("PUT /api/workflow/bulk/resume")
    done("POST /api/workflow/bulk/terminate", "?reason=enough")
    done("POST /api/workflow/bulk/retry")
    done("POST /api/workflow/bulk/terminate")
    done("POST /api/workflow/bulk/restart")
    done("DELETE /api/workflow/bulk/remove", "?archiveWorkflow=false")
    workflow = call("POST /api/workflow", {"name": name}, media=TEXT)
    done("DELETE /api/workflow/bulk/terminate-remove")


def administration(call, name):
    workflow = call("POST /api/workflow", {"name": name}, media=TEXT)
    found = call("GET /api/admin/task/{tasktype}", media=JSON, tasktype=name)
    assert workflow in {each["workflowInstanceId"] for each in found}
    assert call("GET /api/admin/queues", media=JSON) == {}
    assert call("POST /api/admin/sweep/requeue/{workflowId}", media=TEXT, workflowId=workflow) == f"false.{workflow}"
    call("POST /api/admin/consistency/verifyAndRepair/{workflowId}", expect=500, media=JSON, workflowId=workflow)
    assert call("GET /api/environment", media=JSON) == call("GET /api/secrets", media=JSON) == []
    call("GET /api/environment/{key}", key="x")


def events(call, name):
    action = {"action": "start_workflow", "start_workflow": {"name": name}}
    handler = {"name": name, "event": "conductor:x", "actions": [action]}
    call("POST /api/event", handler)
    call("PUT /api/event", {**handler, "active": True})
    assert len(call("GET /api/event/{event}", media=JSON, event="conductor:x")) == 1
    assert len(call("GET /api/event", media=JSON)) == 1
    call("DELETE /api/event/{name}", name=name)
    assert call("GET /api/queue/", media=JSON) == call("GET /api/queue/size", media=JSON) == {}
    update = {"expect": 400, "media": JSON, "workflowId": "w", "status": "COMPLETED"}
    call("POST /api/queue/update/{workflowId}/{taskRefName}/{status}", {}, taskRefName="r", **update)
    call("POST /api/queue/update/{workflowId}/task/{taskId}/{status}", {}, taskId="t", **update)


def end(call, name):
    call("DELETE /api/metadata/workflow/{name}/{version}", name=name, version=1)
    call("DELETE /api/metadata/taskdefs/{tasktype}", tasktype=name)
    call("GET /health", media=JSON)
    call("GET /api/health", media=JSON)
    call("GET /api/version", media=TEXT)


def test_every_route_answers_as_on_the_real_server(http):
    call = Life(http)
    metadata(call, "life")
    finished = tasks(call, "life")
    queues(call, "life")
    workflows(call, "life", finished)
    for part in (names_and_versions, lists, bulk, administration, events, end):
        part(call, "life")
    assert {"GET /", "GET /api-docs", "POST /api/token"} == OPERATIONS - call.called  # which other tests call


@pytest.mark.parametrize(
    ("members", "stored"),
    [
        ({"retryCount": "7"}, {"retryCount": 7}),
        ({"retryCount": 2.9}, {"retryCount": 2}),
        ({"retryCount": ""}, {"retryCount": 0}),
        ({"retryCount": None}, {}),
        ({"description": 5}, {"description": "5"}),
        ({"description": True}, {"description": "true"}),
        ({"backoffScaleFactor": "2"}, {"backoffScaleFactor": 2}),
        ({"inputKeys": ["a", 1]}, {"inputKeys": ["a", "1"]}),
        ({"inputTemplate": {"a": None, "b": {"c": [1.5]}}}, {"inputTemplate": {"a": None, "b": {"c": [1.5]}}}),
        ({"nosuch": [1, 2, 3]}, {}),
    ],
)
def test_members_become_what_jackson_makes_of_them(http, members, stored):
    assert http.post("/api/metadata/taskdefs", [{"name": "coerced", **members}]).status == 200
    definition = http.get("/api/metadata/taskdefs/coerced").json()
    assert definition | stored == definition
    assert "nosuch" not in definition


@pytest.mark.parametrize(
    "members",
    [
        {"retryCount": "x"},
        {"retryCount": True},
        {"retryCount": {}},
        {"retryCount": 2**40},
        {"description": []},
        {"description": {}},
        {"inputKeys": "a"},
        {"inputKeys": [{}]},
        {"inputTemplate": []},
        {"retryLogic": "SOMETIMES"},
        {"retryLogic": 99},
    ],
)
def test_members_that_do_not_fit_are_a_json_parse_error(http, members):
    answer = http.post("/api/metadata/taskdefs", [{"name": "coerced", **members}])
    assert (answer.status, answer.json()["message"][:18]) == (500, "JSON parse error: ")


def test_a_null_in_a_list_of_definitions_is_a_500(http):
    assert http.post("/api/metadata/taskdefs", [None]).status == 500


def test_a_priority_out_of_range_is_a_400_that_names_it(http):
    for priority, message in (("100", "99 is the maximum priority value"), ("-1", "0 is the minimum priority value")):
        answer = http.post(f"/api/workflow/any?priority={priority}", {})
        assert (answer.status, answer.json()["validationErrors"][0]["message"]) == (400, message)
