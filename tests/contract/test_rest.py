"""The REST interface itself, request by request: statuses, media types and bodies as they are on the wire."""

import json
import time
from urllib.parse import quote

import pytest
import urllib3
from contract.rows import row

from support.rest import JSON, Rest
from support.waiting import eventually


@pytest.fixture
def started(a_workflow, workflows):
    """A started workflow of one task: its id, and the task's name."""
    name = a_workflow("a")
    return workflows.start_workflow(name, {"n": 1}), f"{name}_a"


def poll(rest, task_name, **query):
    return rest("GET", f"/tasks/poll/batch/{task_name}", timeout=100, **query).json()


def result(task, status="COMPLETED", **members):
    return {
        "taskId": task["taskId"],
        "workflowInstanceId": task["workflowInstanceId"],
        "status": status,
        "workerId": "w",
    } | members


@row("1-1", "4.1-3")
def test_a_single_poll_gives_a_task_once_and_then_204(rest, started):
    _, task_name = started
    answer = rest("GET", f"/tasks/poll/{task_name}", workerid="w1")
    assert (answer.status, answer.media_type) == (200, JSON)
    task = answer.json()
    assert task["status"] == "IN_PROGRESS"
    assert (task["workerId"], task["pollCount"], task["taskDefName"]) == ("w1", 1, task_name)
    assert task["inputData"] == {"given": {"n": 1}}
    assert task["startTime"] > 0
    for number in ("retryCount", "callbackAfterSeconds", "iteration", "endTime"):
        assert task[number] == 0  # zeros are sent
    assert "reasonForIncompletion" not in task  # nulls are not
    answer = rest("GET", f"/tasks/poll/{task_name}")
    assert (answer.status, answer.data) == (204, b"")
    assert rest("GET", "/tasks/queue/size", taskType=task_name).json() == 0


@row("1-2")
def test_a_batch_poll_gives_a_list(rest, started):
    _, task_name = started
    answer = rest("GET", f"/tasks/poll/batch/{task_name}", count=3, timeout=100)
    assert (answer.status, answer.media_type, len(answer.json())) == (200, JSON, 1)
    answer = rest("GET", f"/tasks/poll/batch/{task_name}", count=3, timeout=100)
    assert (answer.status, answer.json()) == (200, [])


@row("1-2", "e-400")
def test_a_poll_of_more_than_five_seconds_is_refused(rest, name):
    answer = rest("GET", f"/tasks/poll/batch/{name}", timeout=5001)
    assert (answer.status, answer.media_type) == (400, JSON)
    assert answer.json()["message"] == "Long Poll Timeout value cannot be more than 5 seconds"
    assert answer.json()["retryable"] is False


@row("1-2")
def test_a_waiting_poll_gets_a_task_that_comes_meanwhile(rest, a_workflow, workflows):
    name = a_workflow("a")
    workflows.start_workflow(name)
    started = time.monotonic()
    answer = rest("GET", f"/tasks/poll/batch/{name}_a", count=1, timeout=5000)
    assert len(answer.json()) == 1
    assert time.monotonic() - started < 4


@row("s-9")
def test_odd_counts(rest, a_workflow, workflows):
    name = a_workflow("a")
    for _ in range(3):
        workflows.start_workflow(name)
    assert poll(rest, f"{name}_a", count=0) == []
    assert len(poll(rest, f"{name}_a", count=-1)) == 3


@row("4.1-1")
def test_an_empty_domain_is_a_queue_that_nobody_feeds(rest, started):
    assert poll(rest, started[1], domain="") == []
    assert len(poll(rest, started[1])) == 1


@row("s-10")
def test_a_slash_in_a_task_type_is_refused(rest):
    answer = rest("GET", "/tasks/poll/batch/a%2Fb")
    assert (answer.status, answer.media_type) == (400, "text/html")


@row("4.1-4")
def test_a_higher_priority_is_delivered_first(rest, a_workflow, workflows):
    name = a_workflow("a")
    for priority in (1, 9, 5):
        workflows.start_workflow(name, priority=priority)
    delivered = [poll(rest, f"{name}_a", count=1)[0] for _ in range(3)]  # within a batch the order is another
    assert [task["workflowPriority"] for task in delivered] == [9, 5, 1]


@row("1-3", "4.2-5")
def test_an_update_answers_with_the_id_and_has_advanced_the_workflow(rest, a_workflow, workflows):
    name = a_workflow("a", "b")
    workflow_id = workflows.start_workflow(name)
    (task,) = poll(rest, f"{name}_a")
    answer = rest("POST", "/tasks", result(task, outputData={"x": [None, 1.5]}))
    assert (answer.status, answer.media_type, answer.data.decode()) == (200, "text/plain", task["taskId"])
    tasks = rest("GET", f"/workflow/{workflow_id}").json()["tasks"]
    assert [(each["referenceTaskName"], each["status"]) for each in tasks] == [("a", "COMPLETED"), ("b", "SCHEDULED")]
    assert tasks[0]["outputData"] == {"x": [None, 1.5]}
    assert tasks[0]["endTime"] > 0


@row("4.2-1")
@pytest.mark.parametrize("path", ["/tasks", "/tasks/update-v2"])
def test_an_unknown_task_or_workflow_is_404_by_conductors_own_message(rest, started, path):
    workflow_id, _ = started
    unknown_task = {"taskId": "nothing", "workflowInstanceId": workflow_id, "status": "COMPLETED"}
    answer = rest("POST", path, unknown_task)
    assert (answer.status, answer.json()["message"]) == (404, "No such task found by id: nothing")
    answer = rest("POST", path, unknown_task | {"workflowInstanceId": "nowhere"})
    assert (answer.status, answer.json()["message"]) == (404, "No such workflow found by id: nowhere")


@row("s-2", "e-400")
def test_missing_ids_are_a_validation_error_but_for_update_v2(rest):
    answer = rest("POST", "/tasks", {"status": "COMPLETED"})
    assert (answer.status, answer.json()["message"]) == (400, "Validation failed, check below errors for detail.")
    assert {each["path"].rsplit(".", 1)[1] for each in answer.json()["validationErrors"]} == {
        "taskId",
        "workflowInstanceId",
    }
    assert rest("POST", "/tasks/update-v2", {"status": "COMPLETED"}).status == 500


@row("s-1", "e-500", "1-4")
@pytest.mark.parametrize("path", ["/tasks", "/tasks/update-v2"])
@pytest.mark.parametrize("body", [b"{", b'{"taskId":"t","workflowInstanceId":"w","status":"DONE"}'])
def test_what_cannot_be_parsed_is_500(rest, path, body):
    answer = rest("POST", path, body)
    assert (answer.status, answer.media_type) == (500, JSON)
    assert answer.json()["message"].startswith("JSON parse error: ")
    assert answer.json()["retryable"] is False


@row("s-3")
def test_a_missing_status_is_500(rest, started):
    (task,) = poll(rest, started[1])
    assert rest("POST", "/tasks", result(task, None)).status == 500


@row("4.2-2")
def test_a_repeated_and_a_late_update_are_ignored_with_200(rest, started):
    (task,) = poll(rest, started[1])
    assert rest("POST", "/tasks", result(task, outputData={"first": 1})).status == 200
    answer = rest("POST", "/tasks", result(task, "FAILED", outputData={"second": 2}))
    assert (answer.status, answer.data.decode()) == (200, task["taskId"])
    now = rest("GET", f"/tasks/{task['taskId']}").json()
    assert (now["status"], now["outputData"]) == ("COMPLETED", {"first": 1})


@row("4.2-3")
def test_an_update_after_the_workflows_end_is_ignored_with_200(rest, started, workflows):
    workflow_id, task_name = started
    (task,) = poll(rest, task_name)
    workflows.terminate(workflow_id)
    assert rest("POST", "/tasks", result(task)).status == 200
    assert rest("GET", f"/tasks/{task['taskId']}").json()["status"] == "CANCELED"


@row("4.2-4")
def test_a_paused_workflow_keeps_an_update_and_goes_on_when_resumed(rest, a_workflow, workflows):
    name = a_workflow("a", "b")
    workflow_id = workflows.start_workflow(name)
    workflows.pause(workflow_id)
    (task,) = poll(rest, f"{name}_a")
    assert rest("POST", "/tasks", result(task)).status == 200
    workflow = rest("GET", f"/workflow/{workflow_id}").json()
    assert (workflow["status"], len(workflow["tasks"])) == ("PAUSED", 1)
    workflows.resume(workflow_id)
    assert len(poll(rest, f"{name}_b")) == 1


@row("4.2-6")
def test_in_progress_hands_back_at_once_with_the_output_it_was_given(rest, started):
    (task,) = poll(rest, started[1], workerid="w1")
    assert rest("POST", "/tasks", result(task, "IN_PROGRESS", outputData={"half": 1})).status == 200
    assert rest("GET", f"/tasks/{task['taskId']}").json()["status"] == "SCHEDULED"
    (again,) = poll(rest, started[1], workerid="w2")
    assert again["taskId"] == task["taskId"]
    assert (again["pollCount"], again["workerId"], again["outputData"]) == (2, "w2", {"half": 1})
    assert again["startTime"] == task["startTime"]


@row("4.2-6")
def test_in_progress_with_a_callback_comes_back_after_it(rest, started):
    (task,) = poll(rest, started[1])
    rest("POST", "/tasks", result(task, "IN_PROGRESS", callbackAfterSeconds=3))  # long for a machine that is held up
    assert rest("GET", f"/tasks/{task['taskId']}").json()["callbackAfterSeconds"] == 3
    assert poll(rest, started[1]) == []
    (again,) = eventually(lambda: poll(rest, started[1]))
    assert again["callbackAfterSeconds"] == 0


@row("4.2-7", "v2-2")
def test_a_lease_extension_changes_nothing_else(rest, started):
    (task,) = poll(rest, started[1], workerid="w1")
    extension = {
        "taskId": task["taskId"],
        "workflowInstanceId": task["workflowInstanceId"],
        "extendLease": True,
        "outputData": {"ignored": 1},
        "workerId": "other",
    }
    assert rest("POST", "/tasks", extension | {"status": "IN_PROGRESS"}).status == 200
    assert rest("POST", "/tasks", extension).status == 200
    assert rest("POST", "/tasks/update-v2", extension | {"status": "IN_PROGRESS"}).status == 204
    now = rest("GET", f"/tasks/{task['taskId']}").json()
    assert (now["status"], now["outputData"], now["workerId"]) == ("IN_PROGRESS", {}, "w1")
    assert now["updateTime"] >= task["updateTime"]
    rest("POST", "/tasks", result(task))
    assert rest("POST", "/tasks", extension | {"status": "IN_PROGRESS"}).status == 200  # also of an ended task


@row("v2-1", "v2-3", "1-4")
def test_update_v2_answers_with_the_next_task_of_the_type(rest, a_workflow, workflows):
    name = a_workflow("a")
    for _ in range(2):
        workflows.start_workflow(name)
    (task,) = poll(rest, f"{name}_a", count=1)
    answer = rest("POST", "/tasks/update-v2", result(task))
    assert (answer.status, answer.media_type) == (200, JSON)
    following = answer.json()
    assert following["taskId"] != task["taskId"]
    assert (following["status"], following["workerId"], following["pollCount"]) == ("IN_PROGRESS", "w", 1)
    answer = rest("POST", "/tasks/update-v2", result(following))
    assert (answer.status, answer.data) == (204, b"")
    answer = rest("POST", "/tasks/update-v2", result(following))
    assert answer.status == 204


@row("v2-4")
def test_update_v2_of_an_ended_task_polls_too(rest, a_workflow, workflows):
    name = a_workflow("a")
    workflows.start_workflow(name)
    (task,) = poll(rest, f"{name}_a", count=1)
    rest("POST", "/tasks", result(task))
    workflows.start_workflow(name)
    assert rest("POST", "/tasks/update-v2", result(task)).status == 200


@row("v2-2")
def test_update_v2_does_not_poll_after_a_hand_back(rest, started):
    (task,) = poll(rest, started[1])
    assert rest("POST", "/tasks/update-v2", result(task, "IN_PROGRESS")).status == 204
    assert len(poll(rest, started[1])) == 1


@row("1-5")
def test_by_reference_name_an_id_an_empty_200_or_500(rest, started):
    workflow_id, _ = started
    answer = rest("POST", f"/tasks/{workflow_id}/a/COMPLETED", {"x": 1})
    assert (answer.status, answer.media_type) == (200, "text/plain")
    assert answer.data
    assert (rest("POST", f"/tasks/{workflow_id}/a/COMPLETED", {})).data == b""
    assert (rest("POST", "/tasks/nowhere/a/COMPLETED", {})).data == b""
    assert rest("POST", f"/tasks/{workflow_id}/a/DONE", {}).status == 500


@row("1-6")
def test_by_reference_name_and_sync_the_workflow_or_404(rest, started):
    workflow_id, _ = started
    answer = rest("POST", f"/tasks/{workflow_id}/a/COMPLETED/sync", {"x": 1})
    assert (answer.status, answer.json()["status"]) == (200, "COMPLETED")
    answer = rest("POST", f"/tasks/{workflow_id}/a/COMPLETED/sync", {})
    assert answer.status == 404
    assert answer.json()["message"].startswith("Found no running task")


@row("1-7", "1-8")
def test_a_signal_to_an_unknown_workflow_is_404(rest):
    assert rest("POST", "/tasks/nowhere/COMPLETED/signal", {}).status == 404
    assert rest("POST", "/tasks/nowhere/COMPLETED/signal/sync", {}).status == 404


@row("1-8")
def test_a_sync_signal_needs_a_blocked_task(rest, started):
    assert rest("POST", f"/tasks/{started[0]}/COMPLETED/signal/sync", {}).status == 404


@row("1-9", "1-10")
def test_logs_are_stored_as_they_come_also_for_unknown_tasks(rest, started):
    (task,) = poll(rest, started[1])
    answer = rest("GET", f"/tasks/{task['taskId']}/log")
    assert (answer.status, answer.data) == (204, b"")
    assert rest("POST", f"/tasks/{task['taskId']}/log", b'"quoted"').status == 200
    assert rest("POST", "/tasks/nothing/log", b"text").status == 200
    (entry,) = eventually(lambda: json.loads(rest("GET", f"/tasks/{task['taskId']}/log").data or b"[]"))
    assert (entry["log"], entry["taskId"]) == ('"quoted"', task["taskId"])
    assert entry["createdTime"] > 0


@row("1-11")
def test_an_unknown_task_is_404(rest):
    answer = rest("GET", "/tasks/nothing")
    assert (answer.status, answer.json()["message"]) == (404, "Task not found for taskId: nothing")


@row("1-13", "1-14", "1-15", "1-18")
def test_queues(rest, started):
    _, task_name = started
    assert rest("GET", "/tasks/queue/size", taskType=task_name).json() == 1
    assert rest("GET", "/tasks/queue/all").json()[task_name] == 1
    details = rest("GET", "/tasks/queue/all/verbose").json()[task_name]
    assert details == {"a": {"size": 1, "uacked": 0}}
    poll(rest, task_name)
    answer = rest("POST", f"/tasks/queue/requeue/{task_name}")
    assert (answer.status, answer.media_type, answer.data) == (200, "text/plain", b"1")
    (again,) = poll(rest, task_name)
    assert again["pollCount"] == 2  # it was running


@row("1-16", "1-17")
def test_poll_data_names_the_last_poller_of_each_domain(rest, started):
    _, task_name = started
    poll(rest, task_name, workerid="w1")
    poll(rest, task_name, workerid="w2")
    poll(rest, task_name, workerid="w3", domain="blue")
    found = rest("GET", "/tasks/queue/polldata", taskType=task_name).json()
    assert {(each.get("domain"), each["workerId"]) for each in found} == {(None, "w2"), ("blue", "w3")}
    assert all(each["queueName"] == task_name and each["lastPollTime"] > 0 for each in found)
    everyone = rest("GET", "/tasks/queue/polldata/all").json()
    assert {each["queueName"] for each in everyone} >= {task_name}


@row("1-19", "1-20")
def test_search_finds_ended_tasks(rest, started):
    (task,) = poll(rest, started[1])
    rest("POST", "/tasks", result(task))
    query = f"taskType={started[1]}"
    found = eventually(lambda: rest("GET", "/tasks/search", query=query, size=5).json()["results"])
    assert [each["taskId"] for each in found] == [task["taskId"]]
    assert isinstance(found[0]["startTime"], str)
    found = rest("GET", "/tasks/search-v2", query=query, size=5).json()["results"]
    assert [each["taskId"] for each in found] == [task["taskId"]]
    assert isinstance(found[0]["startTime"], int)


@row("1.2-8")
def test_the_query_of_a_search(rest, name, started):
    rest("POST", "/tasks", result(*poll(rest, started[1])))
    of_type = f"workflowType={name}"
    eventually(lambda: found_by(rest, f"{of_type} AND status=COMPLETED") == 1)
    for query, hits in {
        of_type: 1,
        f"workflowType='{name}'": 1,
        f'({of_type} AND status="COMPLETED")': 1,
        f"{of_type} AND status IN (FAILED,COMPLETED)": 1,
        f"{of_type} AND status IN ('FAILED','RUNNING')": 0,
        f"{of_type} AND status>Z": 0,
        f"{of_type} AND status=": 0,
        f"{of_type} AND startTime>5 AND endTime<9999999999999": 1,
        f"{of_type} AND startTime<5": 0,
        f"{of_type} AND parentWorkflowId=''": 1,
    }.items():
        assert (query, found_by(rest, query)) == (query, hits)
    for query in (name, f"workflowType in ({name})", f"{of_type} AND status!=FAILED"):
        answer = rest("GET", "/workflow/search", query=quote(query))
        problem = f"Incorrectly formatted query string: {query.rpartition(' AND ')[2]}"
        assert (answer.status, answer.json()["message"]) == (400, problem)


def found_by(rest, query):
    return rest("GET", "/workflow/search", query=quote(query), size=5).json()["totalHits"]


@row("1-21")
def test_external_storage(rest):
    good = {"path": "p", "operation": "READ", "payloadType": "TASK_INPUT"}
    answer = rest("GET", "/tasks/external-storage-location", **good)
    assert answer.status == 200
    assert "uri" not in answer.json()
    assert rest("GET", "/tasks/external-storage-location", **good | {"operation": "PEEK"}).status == 400


@row("4.3-2", "s-5")
def test_a_retry_is_a_new_task_that_names_the_old_one(rest, a_workflow, workflows):
    name = a_workflow("a", retry_count=1, retry_delay_seconds=0)
    workflow_id = workflows.start_workflow(name)
    (task,) = poll(rest, f"{name}_a")
    logs = [{"log": f"line {number}", "taskId": task["taskId"], "createdTime": number} for number in range(12)]
    rest("POST", "/tasks", result(task, "FAILED", reasonForIncompletion="r" * 600, logs=logs))
    workflows.decide(workflow_id)
    (retry,) = eventually(lambda: poll(rest, f"{name}_a"))
    assert retry["taskId"] != task["taskId"]
    assert (retry["retriedTaskId"], retry["retryCount"], retry["pollCount"]) == (task["taskId"], 1, 1)
    old = rest("GET", f"/tasks/{task['taskId']}").json()
    assert (old["retried"], len(old["reasonForIncompletion"])) == (True, 500)
    stored = eventually(lambda: json.loads(rest("GET", f"/tasks/{task['taskId']}/log").data or b"[]"))
    assert len(stored) == 10


@row("4.3-3")
def test_used_up_retries_fail_the_workflow_with_a_reason(rest, started, ended):
    workflow_id, task_name = started
    (task,) = poll(rest, task_name)
    rest("POST", "/tasks", result(task, "FAILED", reasonForIncompletion="out of paper"))
    workflow, _ = ended(workflow_id)
    assert workflow.status == "FAILED"
    assert f"Task {task['taskId']} failed with status: FAILED" in workflow.reason_for_incompletion
    assert "out of paper" in workflow.reason_for_incompletion


@row("4.3-4")
def test_a_terminal_error_is_not_retried(rest, a_workflow, workflows, ended):
    name = a_workflow("a", retry_count=5, retry_delay_seconds=0)
    workflow_id = workflows.start_workflow(name)
    (task,) = poll(rest, f"{name}_a")
    rest("POST", "/tasks", result(task, "FAILED_WITH_TERMINAL_ERROR"))
    workflow, _ = ended(workflow_id)
    assert (workflow.status, len(workflow.tasks)) == ("FAILED", 1)


@row("s-4")
def test_a_cancelled_task_terminates_its_workflow(rest, started, ended):
    (task,) = poll(rest, started[1])
    assert rest("POST", "/tasks", result(task, "CANCELED")).status == 200
    workflow, tasks = ended(started[0])
    assert (workflow.status, tasks["a"].status) == ("TERMINATED", "CANCELED")


@row("s-6")
def test_logs_null_is_taken(rest, started):
    (task,) = poll(rest, started[1])
    assert rest("POST", "/tasks", result(task, logs=None)).status == 200


@row("s-7", "s-8")
@pytest.mark.parametrize(("megabytes", "status"), [(4, "COMPLETED"), (12, "FAILED_WITH_TERMINAL_ERROR")])
def test_a_large_output_is_taken_with_200_and_put_away_or_refused(rest, started, megabytes, status):
    (task,) = poll(rest, started[1])
    assert rest("POST", "/tasks", result(task, outputData={"x": "y" * megabytes * 1024 * 1024})).status == 200
    now = rest("GET", f"/tasks/{task['taskId']}").json()
    assert (now["status"], now["outputData"]) == (status, {})
    if status == "COMPLETED":
        assert now["externalOutputPayloadStoragePath"]
    else:
        assert "is greater than the permissible limit: 10485760 bytes" in now["reasonForIncompletion"]


@row("4.3-1")
def test_an_unanswered_task_times_out_and_is_retried(rest, a_workflow, workflows):
    name = a_workflow("a", retry_count=1, retry_delay_seconds=0, response_timeout_seconds=1)
    workflow_id = workflows.start_workflow(name)
    (task,) = poll(rest, f"{name}_a")

    def timed_out():
        workflows.decide(workflow_id)
        return rest("GET", f"/tasks/{task['taskId']}").json()["status"] == "TIMED_OUT"

    eventually(timed_out)
    (retry,) = eventually(lambda: poll(rest, f"{name}_a"))
    assert retry["retriedTaskId"] == task["taskId"]


@row("4.3-6")
def test_a_task_over_its_timeout_ends_the_workflow(rest, a_workflow, workflows, ended):
    name = a_workflow("a", timeout_seconds=1, response_timeout_seconds=1, timeout_policy="TIME_OUT_WF")
    workflow_id = workflows.start_workflow(name)
    poll(rest, f"{name}_a")

    def timed_out():
        workflows.decide(workflow_id)
        return workflows.get_workflow(workflow_id, include_tasks=False).status != "RUNNING"

    eventually(timed_out)
    workflow, tasks = ended(workflow_id)
    assert (workflow.status, tasks["a"].status) == ("TIMED_OUT", "TIMED_OUT")


@row("4.3-5")
def test_an_optional_tasks_failure_lets_the_workflow_go_on(rest, a_workflow, workflows, name, ended):
    a_workflow("a", "b")
    steps = [{"name": f"{name}_{ref}", "taskReferenceName": ref, "type": "SIMPLE"} for ref in ("a", "b")]
    steps[0]["optional"] = True
    definition = {"name": name, "version": 2, "tasks": steps, "ownerEmail": "team@example.com", "timeoutSeconds": 0}
    assert rest("PUT", "/metadata/workflow", [definition]).status == 200
    workflow_id = workflows.start_workflow(name, version=2)
    (task,) = poll(rest, f"{name}_a")
    rest("POST", "/tasks", result(task, "FAILED"))
    (task,) = poll(rest, f"{name}_b")
    rest("POST", "/tasks", result(task))
    workflow, tasks = ended(workflow_id)
    assert (workflow.status, tasks["a"].status) == ("COMPLETED", "COMPLETED_WITH_ERRORS")


@row("4.4-1")
def test_a_concurrency_limit_holds_tasks_back(rest, a_workflow, workflows):
    name = a_workflow("a", concurrent_exec_limit=1)
    for _ in range(2):
        workflows.start_workflow(name)
    (task,) = poll(rest, f"{name}_a", count=2)
    assert poll(rest, f"{name}_a", count=2) == []
    rest("POST", "/tasks", result(task))
    eventually(lambda: poll(rest, f"{name}_a", count=2))


@row("4.4-2")
def test_task_to_domain_sends_a_task_to_its_domain(rest, a_workflow, workflows):
    name = a_workflow("a")
    workflows.start_workflow(name, task_to_domain={f"{name}_a": "blue"})
    assert poll(rest, f"{name}_a") == []
    assert rest("GET", "/tasks/queue/size", taskType=f"{name}_a", domain="blue").json() == 1
    (task,) = poll(rest, f"{name}_a", domain="blue")
    assert task["domain"] == "blue"


@row("e-404")
def test_an_unknown_path_is_404_in_conductors_words(rest):
    answer = rest("GET", "/no/such/path")
    assert (answer.status, answer.media_type) == (404, JSON)
    assert answer.json()["message"].startswith("No static resource api/no/such/path")


@row("e-405")
def test_a_wrong_method_is_405(rest):
    answer = rest("PUT", "/tasks/update-v2", {})
    assert (answer.status, answer.media_type) == (405, JSON)
    assert answer.json()["message"] == "Request method 'PUT' is not supported"


@row("e-409")
def test_a_workflow_definition_that_exists_is_409(rest, a_workflow):
    name = a_workflow("a")
    definition = rest("GET", f"/metadata/workflow/{name}").json()
    answer = rest("POST", "/metadata/workflow", definition)
    assert (answer.status, answer.json()["message"]) == (409, f"Workflow with {name}.1 already exists!")


@row("s-11", "e-400")
def test_a_task_definition_is_validated(rest, name):
    answer = rest("POST", "/metadata/taskdefs", [{"name": name, "timeoutSeconds": 120, "ownerEmail": "a@example.com"}])
    assert answer.status == 400
    assert answer.json()["validationErrors"]


def step(kind, ref, **members):
    return {"name": ref, "taskReferenceName": ref, "type": kind, **members}


@row("e-400")
def test_a_problem_of_a_step_names_its_place(rest, name):
    fork = step("FORK_JOIN", "f", forkTasks=[[step("NOOP", "n")], [step("NOOP", "o"), step("JSON_JQ_TRANSFORM", "x")]])
    cases = {"decisionCases": {"a b": [fork, step("JOIN", "j")]}, "defaultCase": [step("JSON_JQ_TRANSFORM", "y")]}
    switch = step("SWITCH", "s", evaluatorType="value-param", expression="k", **cases)
    definition = {"name": name, "ownerEmail": "a@example.com", "tasks": [step("NOOP", "m"), switch]}
    answer = rest("PUT", "/metadata/workflow", [definition])
    assert answer.status == 400
    outer = "updateWorkflowDef.arg0[0].tasks[1]"
    assert {each["path"] for each in answer.json()["validationErrors"]} == {
        f"{outer}.decisionCases[a b].<map value>[0].forkTasks[1].<list element>[1]",
        f"{outer}.defaultCase[0]",
    }


@row("s-12")
def test_an_unknown_workflow_cannot_be_started(rest, name):
    answer = rest("POST", "/workflow", {"name": name})
    assert answer.status == 404
    assert answer.json()["message"].startswith("No such workflow")


@row("1.2-4")
def test_a_workflow_is_started_by_its_name(rest, a_workflow):
    answer = rest("POST", f"/workflow/{a_workflow('a')}", {"n": 1}, correlationId="c")
    assert (answer.status, answer.media_type) == (200, "text/plain")
    workflow = rest("GET", f"/workflow/{answer.data.decode()}").json()
    assert (workflow["input"], workflow["correlationId"]) == ({"n": 1}, "c")


@row("1.2-5")
def test_health_and_version(server_url):
    root = Rest(server_url.removesuffix("/api"))
    assert root("GET", "/health").json()["healthy"] is True
    answer = root("GET", "/api/version")
    assert (answer.status, answer.data.decode()) == (200, "3.32.3")


@row("s-13")
def test_two_dots_are_a_queue_name_like_any_other(rest):
    answer = rest("GET", "/tasks/poll/batch/%2E%2E", count=1, timeout=0)
    assert (answer.status, answer.json()) == (200, [])


@row("s-14", "e-500")
def test_a_wrong_content_type_is_500(server_url, started):
    answer = urllib3.request("POST", f"{server_url}/tasks", body=b"x=1", headers={"Content-Type": "text/plain"})
    assert (answer.status, answer.json()["status"]) == (500, 500)


@row("4.3-7")
def test_a_total_timeout_ends_the_task_for_good(rest, a_workflow, workflows, ended):
    name = a_workflow("a", retry_count=5, retry_delay_seconds=0, total_timeout_seconds=2, response_timeout_seconds=1)
    workflow_id = workflows.start_workflow(name)

    def over():
        poll(rest, f"{name}_a")
        workflows.decide(workflow_id)
        return workflows.get_workflow(workflow_id, include_tasks=False).status != "RUNNING"

    eventually(over)
    assert ended(workflow_id)[1]["a"].status == "TIMED_OUT"


@row("4.3-8")
def test_a_task_that_nobody_polls_times_out(a_workflow, workflows, ended):
    name = a_workflow("a", poll_timeout_seconds=1, timeout_policy="TIME_OUT_WF")
    workflow_id = workflows.start_workflow(name)

    def over():
        workflows.decide(workflow_id)
        return workflows.get_workflow(workflow_id, include_tasks=False).status != "RUNNING"

    eventually(over)
    workflow, tasks = ended(workflow_id)
    assert (workflow.status, tasks["a"].status) == ("TIMED_OUT", "TIMED_OUT")


@row("4.3-9")
@pytest.mark.parametrize(
    ("logic", "delays"), [("FIXED", [3, 3]), ("LINEAR_BACKOFF", [3, 6]), ("EXPONENTIAL_BACKOFF", [3, 6])]
)
def test_a_retry_waits_by_the_logic_of_its_definition(rest, a_workflow, workflows, logic, delays):
    name = a_workflow("a", retry_count=2, retry_delay_seconds=3, retry_logic=logic, backoff_scale_factor=1)
    workflow_id = workflows.start_workflow(name)
    seen = []
    for _ in delays:
        task = rest("GET", f"/workflow/{workflow_id}").json()["tasks"][-1]
        rest("POST", "/tasks", result(task, "FAILED"))
        workflows.decide(workflow_id)
        seen.append(rest("GET", f"/workflow/{workflow_id}").json()["tasks"][-1]["startDelayInSeconds"])
    assert seen == delays


@row("s-15")
def test_a_poll_that_its_client_gave_up_takes_tasks_all_the_same(rest, server_url, a_workflow, workflows):
    name = a_workflow("a")
    impatient = urllib3.PoolManager(retries=False)
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        impatient.request("GET", f"{server_url}/tasks/poll/batch/{name}_a?count=1&timeout=3000", timeout=0.2)
    impatient.clear()
    workflow_id = workflows.start_workflow(name)
    eventually(lambda: rest("GET", f"/workflow/{workflow_id}").json()["tasks"][0]["status"] == "IN_PROGRESS")
    assert poll(rest, f"{name}_a") == []


@row("1-12")
def test_the_sizes_of_named_queues(rest, started):
    assert rest("GET", "/tasks/queue/sizes", taskType=started[1]).json() == {started[1]: 1}
    assert rest("GET", "/tasks/queue/sizes").status == 500


@row("4.1-2")
def test_a_task_whose_workflow_has_ended_is_not_delivered(rest, started, workflows):
    workflow_id, task_name = started
    workflows.terminate(workflow_id)
    assert poll(rest, task_name) == []


@row("4.2-8")
def test_a_lease_extension_of_an_unknown_task_is_404(rest, started):
    unknown = {"taskId": "nothing", "workflowInstanceId": started[0], "status": "IN_PROGRESS", "extendLease": True}
    answer = rest("POST", "/tasks", unknown)
    assert (answer.status, answer.json()["message"]) == (404, "No such task found by id: nothing")


@row("s-16")
def test_nan_is_no_json(rest, started):
    (task,) = poll(rest, started[1])
    body = json.dumps(result(task, outputData={"x": float("nan")})).encode()
    answer = rest("POST", "/tasks", body)
    assert answer.status == 500
    assert answer.json()["message"].startswith("JSON parse error: ")


def test_a_start_by_a_definition_of_its_own_needs_no_name_beside_it(rest, name):
    definition = {
        "name": name,
        "ownerEmail": "team@example.com",
        "tasks": [{"name": "n", "taskReferenceName": "n", "type": "NOOP"}],
    }
    started = rest("POST", "/workflow", {"name": "", "workflowDef": definition})
    assert started.status == 200
    workflow = rest("GET", f"/workflow/{started.data.decode()}").json()
    assert workflow["workflowDefinition"]["name"] == name


@pytest.mark.parametrize("blank", ["", " "])
def test_a_start_by_a_blank_name_is_refused(rest, blank):
    answer = rest("POST", "/workflow", {"name": blank})
    message = "Workflow name must be specified when searching for a definition"
    assert (answer.status, answer.json()["message"]) == (400, message)
