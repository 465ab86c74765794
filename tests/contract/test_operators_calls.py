"""Calls that look at many workflows, end them or let them go on: as an operator makes them, on both servers."""

import json

import pytest
from contract.rows import row

from support.rest import JSON
from support.waiting import eventually

OWNER = "team@example.com"


@pytest.fixture
def started(a_workflow, workflows):
    """Two running workflows of one task and one correlation id: their name, and their ids."""
    name = a_workflow("a")
    return name, [workflows.start_workflow(name, {"n": number}, correlation_id="c") for number in range(2)]


def statuses(workflows, ids):
    return [workflows.get_workflow_status(workflow_id).status for workflow_id in ids]


def refused(answer):
    return answer.status, answer.json()["validationErrors"]


@row("1.2-6")
def test_workflows_are_paused_and_resumed_in_bulk_and_the_unknown_ones_named(rest, started, workflows):
    _, ids = started
    answer = rest("PUT", "/workflow/bulk/pause", [ids[0], "nothing", ids[1]])
    assert (answer.status, answer.media_type) == (200, JSON)
    unknown = {"nothing": "No such workflow found by id: nothing"}
    assert answer.json() == {"bulkSuccessfulResults": ids, "bulkErrorResults": unknown}
    assert statuses(workflows, ids) == ["PAUSED", "PAUSED"]
    workflows.resume(ids[0])
    running = f"The workflow {ids[0]} is not PAUSED so cannot resume. Current status is RUNNING"
    answer = rest("PUT", "/workflow/bulk/resume", [*ids, "nothing"])
    assert answer.json() == {"bulkSuccessfulResults": [ids[1]], "bulkErrorResults": {**unknown, ids[0]: running}}
    assert statuses(workflows, ids) == ["RUNNING", "RUNNING"]


@row("1.2-6")
def test_workflows_are_ended_and_begun_again_in_bulk(rest, started, workflows):
    name, ids = started
    still = f"Workflow: {name}.1/{ids[0]}.RUNNING is not in terminal state, unable to restart."
    assert rest("POST", "/workflow/bulk/restart", ids[:1]).json()["bulkErrorResults"] == {ids[0]: still}
    answer = rest("POST", "/workflow/bulk/terminate", ids, reason="enough")
    assert answer.json() == {"bulkSuccessfulResults": ids, "bulkErrorResults": {}}
    assert [workflows.get_workflow(each).reason_for_incompletion for each in ids] == ["enough", "enough"]
    answer = rest("POST", "/workflow/bulk/restart", ids[:1], useLatestDefinitions="true")
    assert answer.json()["bulkSuccessfulResults"] == ids[:1]
    answer = rest("POST", "/workflow/bulk/retry", ids)
    assert answer.json()["bulkSuccessfulResults"] == ids[1:]
    assert answer.json()["bulkErrorResults"] == {ids[0]: "Workflow is still running.  status=RUNNING"}
    assert statuses(workflows, ids) == ["RUNNING", "RUNNING"]


@row("1.2-6", "1.2-9")
def test_workflows_are_removed_in_bulk_unless_they_run(rest, started, workflows):
    _, ids = started
    workflows.terminate(ids[0])
    running = {ids[1]: f"Cannot archive workflow: {ids[1]} with status: RUNNING"}
    answer = rest("DELETE", "/workflow/bulk/remove", ids)
    assert answer.json() == {"bulkSuccessfulResults": ids[:1], "bulkErrorResults": running}
    answer = rest("DELETE", "/workflow/bulk/terminate-remove", [ids[1], "nothing"], reason="enough")
    unknown = {"nothing": "No such workflow found by id: nothing"}
    assert answer.json() == {"bulkSuccessfulResults": [ids[1], ids[1]], "bulkErrorResults": unknown}  # both steps
    assert [rest("GET", f"/workflow/{each}").status for each in ids] == [404, 404]


@row("1.2-6")
@pytest.mark.parametrize(
    ("method", "path", "java_name"),
    [
        ("PUT", "pause", "pauseWorkflow"),
        ("PUT", "resume", "resumeWorkflow"),
        ("POST", "restart", "restart"),
        ("POST", "retry", "retry"),
        ("POST", "terminate", "terminate"),
        ("DELETE", "remove", "deleteWorkflow"),
        ("DELETE", "terminate-remove", "terminateRemove"),
    ],
)
def test_a_bulk_call_is_for_1_to_1000_workflows(rest, method, path, java_name):
    none = {"path": f"{java_name}.arg0", "message": "WorkflowIds list cannot be null."}
    assert refused(rest(method, f"/workflow/bulk/{path}", [])) == (400, [none])
    text = "Cannot process more than 1000 workflows. Please use multiple requests."
    many = {"path": f"{java_name}.arg0", "message": text}
    assert refused(rest(method, f"/workflow/bulk/{path}", ["x"] * 1001)) == (400, [many])
    assert rest(method, f"/workflow/bulk/{path}", {}).status == 500


@row("1.2-7")
def test_the_tasks_of_a_workflow_are_listed_by_status_and_in_parts(rest, started):
    _, (workflow_id, _) = started

    def found(**query):
        answer = rest("GET", f"/workflow/{workflow_id}/tasks", **query).json()
        return answer["totalHits"], [task["referenceTaskName"] for task in answer["results"]]

    assert found() == (1, ["a"])
    assert found(status="scheduled") == (1, ["a"])
    assert found(status="COMPLETED,SCHEDULED", start=1) == (1, [])
    assert found(status="completed") == found(status="nonsense") == (0, [])
    assert found(count=0) == (1, [])
    assert rest("GET", f"/workflow/{workflow_id}/tasks", start=-1).json()["message"] == "fromIndex = -1"
    assert rest("GET", f"/workflow/{workflow_id}/tasks", count=-1).status == 400
    assert rest("GET", "/workflow/nothing/tasks").status == 404


@row("1.2-7")
def test_open_workflows_of_a_name_are_listed_and_ended_ones_by_the_time_of_their_start(rest, started, workflows):
    name, ids = started

    def found(**query):
        return sorted(rest("GET", f"/workflow/running/{name}", **query).json())

    workflows.pause(ids[0])
    workflows.terminate(ids[1])
    assert found() == found(version=7) == ids[:1]  # the server does not heed the version here
    assert found(startTime=1, endTime=99999999999999) == sorted(ids)
    assert found(startTime=1, endTime=99999999999999, version=7) == found(startTime=1, endTime=2) == []
    assert rest("GET", "/workflow/running/nothing").json() == []


@row("1.2-7")
def test_workflows_of_a_correlation_id(rest, started, workflows):
    name, ids = started
    workflows.terminate(ids[1])

    def found(**query):
        answer = rest("GET", f"/workflow/{name}/correlated/c", **query).json()
        return sorted((each["workflowId"], len(each["tasks"])) for each in answer)

    assert found() == [(ids[0], 0)]
    assert found(includeTasks="true") == [(ids[0], 1)]
    assert found(includeClosed="true") == sorted((each, 0) for each in ids)
    assert rest("GET", f"/workflow/{name}/correlated/other").json() == []
    assert rest("POST", f"/workflow/{name}/correlated", []).json() == {}


@row("1.2-8")
def test_searches_give_whole_workflows_and_those_of_found_tasks(rest, started):
    name, ids = started
    (task,) = rest("GET", f"/tasks/poll/batch/{name}_a", count=1, timeout=100).json()
    finished = {"taskId": task["taskId"], "workflowInstanceId": task["workflowInstanceId"], "status": "COMPLETED"}
    assert rest("POST", "/tasks", finished).status == 200

    def found(path, query, **more):
        return rest("GET", f"/workflow/{path}", query=query, **more).json()

    of_name = f"workflowType={name}"
    eventually(lambda: found("search-v2", of_name)["totalHits"] == 2)
    answer = found("search-v2", of_name)
    assert {each["workflowId"] for each in answer["results"]} == set(ids)
    assert all(each["tasks"] == [] and each["workflowDefinition"]["name"] == name for each in answer["results"])
    completed = f"taskType={name}_a AND status=COMPLETED"
    eventually(lambda: found("search-by-tasks", completed)["totalHits"] == 1)
    (summary,) = found("search-by-tasks", completed)["results"]
    assert (summary["workflowId"], summary["workflowType"]) == (task["workflowInstanceId"], name)
    (whole,) = found("search-by-tasks-v2", completed)["results"]
    assert (whole["workflowId"], whole["workflowDefinition"]["name"]) == (task["workflowInstanceId"], name)


@row("1.2-8", "1.2-10")
def test_workflows_and_definitions_are_found_by_their_classifier(rest, name, a_workflow):
    a_workflow("a")
    definition = rest("GET", f"/metadata/workflow/{name}").json()
    for version, metadata in ((2, {"classifier": "Special"}), (3, {"agent_sdk": "x"})):
        changed = {**definition, "version": version, "metadata": metadata}
        assert rest("PUT", "/metadata/workflow", [changed]).status == 200
    by_kind = {}
    for kind in ("workflow", "special", "AGENT", "other"):
        listed = rest("GET", "/metadata/workflow", classifier=kind).json()
        by_kind[kind] = [each["version"] for each in listed if each["name"] == name]
    assert by_kind == {"workflow": [1], "special": [2], "AGENT": [3], "other": []}


@row("1.2-8")
def test_a_search_can_leave_out_workflows_that_another_one_has_started(rest, name, a_workflow, workflows):
    a_workflow("a")
    step = {"name": "child", "taskReferenceName": "child", "type": "SUB_WORKFLOW", "subWorkflowParam": {"name": name}}
    parent = {"name": f"{name}_parent", "tasks": [step], "ownerEmail": OWNER, "timeoutSeconds": 0}
    assert rest("POST", "/metadata/workflow", parent).status == 200
    parent_id = workflows.start_workflow(f"{name}_parent")

    def found(**query):
        answer = rest("GET", "/workflow/search", query=f"workflowType%20IN%20({name},{name}_parent)", **query).json()
        return {each["workflowId"] for each in answer["results"]}

    eventually(lambda: len(found()) == 2)
    assert found(topLevelOnly="true") == {parent_id}
    assert found(classifier="agent,other") == set()
    assert len(found(classifier="agent,workflow")) == 2


@row("1.2-9")
def test_a_workflow_is_terminated_and_removed_in_one_call(rest, started):
    _, (workflow_id, _) = started
    answer = rest("DELETE", f"/workflow/{workflow_id}/terminate-remove", reason="enough")
    assert (answer.status, answer.data) == (200, b"")
    assert rest("DELETE", f"/workflow/{workflow_id}/terminate-remove").status == 404


@row("1.2-10")
def test_names_and_versions_of_definitions(rest, name, a_workflow):
    a_workflow("a")
    definition = rest("GET", f"/metadata/workflow/{name}").json()
    assert rest("POST", "/metadata/workflow", {**definition, "version": 3, "createTime": 0}).status == 200
    assert rest("GET", "/metadata/workflow/names").json().count(name) == 1
    listed = rest("GET", "/metadata/workflow/names-and-versions").json()[name]
    assert [(each["name"], each["version"]) for each in listed] == [(name, 1), (name, 3)]
    assert {"createTime", "updateTime"} < listed[1].keys()
    versions = rest("GET", f"/metadata/workflow/{name}/versions").json()
    assert [each["version"] for each in versions] == [1, 3]
    assert rest("GET", "/metadata/workflow/nothing/versions").json() == []
    latest = rest("GET", "/metadata/workflow/latest-versions").json()
    assert [each["version"] for each in latest if each["name"] == name] == [3]


@row("1.2-11")
def test_an_administrator_looks_at_tasks_and_asks_for_a_sweep(rest, started):
    name, (workflow_id, _) = started

    def pending(**query):
        return len(rest("GET", f"/admin/task/{name}_a", **query).json())

    assert (pending(), pending(count=1), pending(start=1), pending(start=9)) == (2, 1, 1, 0)
    assert rest("GET", f"/admin/task/{name}_a", start=-1).status == 500
    assert rest("GET", "/admin/task/nothing").json() == []
    assert rest("POST", f"/admin/sweep/requeue/{workflow_id}").data.decode() == f"false.{workflow_id}"  # it waits
    assert rest("POST", "/admin/sweep/requeue/nothing").data == b"true.nothing"
    answer = rest("POST", f"/admin/consistency/verifyAndRepair/{workflow_id}")
    assert (answer.status, answer.json()["message"]) == (500, "WorkflowRepairService is disabled.")


@row("1.2-11")
def test_a_server_without_queues_of_events_has_none_to_publish_to(rest, started):
    _, (workflow_id, _) = started
    assert rest("GET", "/queue/").json() == rest("GET", "/queue/size").json() == {}
    assert rest("GET", "/queue").status == 404
    for path in (f"/queue/update/{workflow_id}/a/COMPLETED", f"/queue/update/{workflow_id}/task/x/COMPLETED"):
        answer = rest("POST", path, {})
        assert (answer.status, answer.json()["message"]) == (400, "There is no queue for handling COMPLETED status")
    assert rest("POST", f"/queue/update/{workflow_id}/a/NONSENSE", {}).status == 500


@row("1.2-11")
def test_an_empty_environment_and_no_secrets(rest):
    assert rest("GET", "/secrets").json() == []
    answer = rest("GET", "/environment/nothing")
    assert (answer.status, answer.data) == (200, b"")


@row("1.2-12")
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/workflow/bulk/pause", 405),
        ("POST", "/workflow/bulk/pause", 405),
        ("PUT", "/workflow/running/name", 405),
        ("GET", "/workflow/nothing/messages", 404),
        ("GET", "/scheduler/schedules", 404),
    ],
)
def test_a_word_of_the_interface_is_no_id(rest, method, path, status):
    answer = rest(method, path)
    assert answer.status == status
    assert json.loads(answer.data)["message"].startswith(("Request method", "No static resource"))


@row("1.2-3")
def test_a_task_is_skipped_with_the_input_and_output_that_the_query_gives(rest, a_workflow, workflows):
    workflow_id = workflows.start_workflow(a_workflow("a", "b"))
    path = f"/workflow/{workflow_id}/skiptask/b"
    assert rest("PUT", path, taskInput="x").status == 500
    answer = rest("PUT", f"{path}?taskInput%5Bn%5D=1&taskInput%5Bm%5D=1&taskInput%5Bm%5D=2&taskOutput%5Bo%5D=x")
    assert answer.status == 200
    (skipped,) = [
        each for each in rest("GET", f"/workflow/{workflow_id}").json()["tasks"] if each["status"] == "SKIPPED"
    ]
    assert (skipped["inputData"], skipped["outputData"]) == ({"n": "1", "m": ["1", "2"]}, {"o": "x"})


@row("1-13")
def test_a_queues_size_is_that_of_workers_without_a_group_or_namespace(rest, started):
    name, _ = started
    sizes = [
        rest("GET", "/tasks/queue/size", taskType=f"{name}_a", **query).json()
        for query in ({"isolationGroupId": "g"}, {"executionNamespace": "n"}, {"isolationGroupId": ""}, {"domain": ""})
    ]
    assert sizes == [0, 0, 2, 2]


@row("1.2-9")
def test_callbacks_of_waiting_tasks_are_reset(rest, started, workflows):
    name, ids = started
    (task,) = rest("GET", f"/tasks/poll/batch/{name}_a", count=1, timeout=100).json()
    later = {"status": "IN_PROGRESS", "callbackAfterSeconds": 300, "outputData": {"kept": 1}}
    ids_of = {"taskId": task["taskId"], "workflowInstanceId": task["workflowInstanceId"]}
    assert rest("POST", "/tasks", {**ids_of, **later}).status == 200
    assert rest("GET", f"/tasks/{task['taskId']}").json()["callbackAfterSeconds"] == 300
    answer = rest("POST", f"/workflow/{task['workflowInstanceId']}/resetcallbacks")
    assert (answer.status, answer.data) == (204, b"")
    again = rest("GET", f"/tasks/{task['taskId']}").json()
    assert (again["callbackAfterSeconds"], again["status"], again["outputData"]) == (0, "SCHEDULED", {"kept": 1})
    polled = eventually(lambda: rest("GET", f"/tasks/poll/batch/{name}_a", count=2, timeout=100).json())
    assert task["taskId"] in {each["taskId"] for each in polled}
    workflows.terminate(ids[0])
    answer = rest("POST", f"/workflow/{ids[0]}/resetcallbacks")
    assert (answer.status, answer.json()["message"]) == (409, "Workflow is in terminal state. Status = TERMINATED")
    assert rest("POST", "/workflow/nothing/resetcallbacks").status == 404


@row("1.2-10")
def test_a_definition_can_be_checked_without_keeping_it(rest, name):
    step = {"name": "a", "taskReferenceName": "a", "type": "SIMPLE"}
    definition = {"name": name, "version": 1, "ownerEmail": OWNER, "timeoutSeconds": 0, "tasks": [step]}
    answer = rest("POST", "/metadata/workflow/validate", definition)
    assert (answer.status, answer.data) == (200, b"")
    assert rest("GET", f"/metadata/workflow/{name}").status == 404
    problem = {"path": "validateWorkflowDef.arg0.tasks", "message": "WorkflowTask list cannot be empty"}
    assert refused(rest("POST", "/metadata/workflow/validate", {**definition, "tasks": []})) == (400, [problem])
