"""Where the embedded server differs from a real one on purpose: docs/embedded-server.md, row by row."""

import re
from pathlib import Path

import pytest
from contract.stories import Story

from conductor import (
    ApiClient,
    ApiError,
    HttpSettings,
    TaskDef,
    TaskExecutor,
    WorkflowDef,
    WorkflowExecutor,
    WorkflowTask,
)
from conductor.testing import DevServer, TaskFailed
from support.remote import a_remote
from support.rest import Rest
from support.waiting import eventually

OWNER = "team@example.com"
DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "embedded-server.md"


@pytest.fixture
def workflows(server):
    with ApiClient(http_settings=HttpSettings(server.url)) as client:
        yield WorkflowExecutor(client)


@pytest.fixture
def tasks(server):
    with ApiClient(http_settings=HttpSettings(server.url)) as client:
        yield TaskExecutor(client)


def poll(tasks, count=1):
    from conductor.task_client import HttpTaskClient  # noqa: PLC0415 - as a worker would

    return HttpTaskClient(tasks._api).batch_poll("t", "w", None, count, 0.0).tasks


def start(tasks, workflows, **settings):
    tasks.register_task_defs(TaskDef("t", owner_email=OWNER, **settings))
    workflows.register_workflow(WorkflowDef("w", [WorkflowTask("t", "t")], owner_email=OWNER))
    return workflows.start_workflow("w")


def test_timeouts_are_noticed_when_they_are_due_without_a_decide(server, tasks, workflows):
    start(tasks, workflows, response_timeout_seconds=10, retry_count=1, retry_delay_seconds=0)
    (task,) = poll(tasks)
    server.clock.advance(11)
    assert tasks.get_task(task.task_id).status == "TIMED_OUT"
    assert poll(tasks)[0].retried_task_id == task.task_id


def test_rate_limits_are_enforced(server, tasks, workflows):
    for _ in range(3):
        start(tasks, workflows, rate_limit_per_frequency=2, rate_limit_frequency_in_seconds=60)
    assert len(poll(tasks, count=3)) == 2
    server.clock.advance(61)
    assert len(poll(tasks, count=3)) == 1


def test_a_task_type_that_it_does_not_run_is_refused_at_registration(workflows):
    kafka = WorkflowTask("calculate", "calculate", type="KAFKA_PUBLISH", input_parameters={"kafka_request": {}})
    with pytest.raises(ApiError, match="KAFKA_PUBLISH") as caught:
        workflows.register_workflow(WorkflowDef("w", [kafka], owner_email=OWNER))
    assert caught.value.status == 400
    assert "calculate" in caught.value.message


def run_one(server, workflows, step):
    """Runs a workflow of one step. Returns its task."""
    workflows.register_workflow(WorkflowDef("w", [step], owner_email=OWNER))
    workflow_id = workflows.start_workflow("w")
    with pytest.raises(TaskFailed):
        server.join()
    (task,) = workflows.get_workflow(workflow_id).tasks
    return task


def test_an_event_for_another_system_is_refused_at_registration(workflows):
    event = WorkflowTask("e", "e", type="EVENT", sink="sqs:queue")
    with pytest.raises(
        ApiError, match="no other sink than conductor, so not 'sqs:queue', for taskType: EVENT"
    ) as caught:
        workflows.register_workflow(WorkflowDef("w", [event], owner_email=OWNER))
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("x", "the request must be an object"),
        ({"headers": "x"}, "headers must be an object"),
        ({"uri": {}}, "uri must be a text"),
        ({"readTimeOut": "soon"}, "readTimeOut must be a number of milliseconds, not 'soon'"),
        ({"connectionTimeOut": True}, "connectionTimeOut must be a number of milliseconds"),
    ],
    ids=str,
)
def test_an_http_task_whose_input_cannot_be_read_fails_for_good(server, workflows, given, reason):
    request = {"uri": "http://127.0.0.1:1", "method": "GET", **given} if isinstance(given, dict) else given
    step = WorkflowTask("h", "h", type="HTTP", input_parameters={"http_request": request})
    task = run_one(server, workflows, step)
    assert task.status == "FAILED_WITH_TERMINAL_ERROR"
    assert task.reason_for_incompletion == f"The input of the HTTP task cannot be read: {reason}"


def test_the_answer_to_an_http_task_that_was_canceled_is_dropped(workflows):
    with a_remote() as remote:
        request = {"uri": f"{remote.url}/slow", "method": "GET", "readTimeOut": 20_000}
        step = WorkflowTask("h", "h", type="HTTP", input_parameters=request)
        workflows.register_workflow(WorkflowDef("canceled", [step], owner_email=OWNER))
        workflow_id = workflows.start_workflow("canceled")
        eventually(lambda: remote.requests)
        workflows.terminate(workflow_id)
        remote.release.set()
        later = workflows.start_workflow("canceled")
        eventually(lambda: workflows.get_workflow_status(later).status == "COMPLETED")  # the other answer came before
        assert workflows.get_workflow(workflow_id).tasks[0].status == "CANCELED"


@pytest.mark.parametrize("kind", ["application/xml", "text/xml;charset=utf-8", "application/x-jackson-smile"])
def test_a_body_that_is_no_text_is_sent_as_json_only(server, workflows, kind):
    request = {"uri": "http://127.0.0.1:1", "method": "POST", "contentType": kind, "body": {"a": 1}}
    task = run_one(server, workflows, WorkflowTask("h", "h", type="HTTP", input_parameters=request))
    assert task.output_data == {"response": f"the embedded server does not write bodies as {kind}"}


def test_ended_workflows_beyond_the_retention_are_forgotten():
    with DevServer(retention=2) as server, ApiClient(http_settings=HttpSettings(server.url)) as client:
        tasks, workflows = TaskExecutor(client), WorkflowExecutor(client)
        ids = [start(tasks, workflows) for _ in range(4)]
        for task in poll(tasks, count=4):
            tasks.update_task(task.task_id, task.workflow_instance_id, "COMPLETED")
        with pytest.raises(ApiError, match=ids[0]):
            workflows.get_workflow(ids[0])
        assert workflows.get_workflow(ids[3]).status == "COMPLETED"


def test_search_and_logs_are_there_at_once(tasks, workflows):
    workflow_id = start(tasks, workflows)
    (task,) = poll(tasks)
    tasks.add_log(task.task_id, "line")
    assert [entry.log for entry in tasks.get_logs(task.task_id)] == ["line"]
    tasks.update_task(task.task_id, workflow_id, "COMPLETED")
    assert [found.task_id for found in tasks.search("taskType=t").results] == [task.task_id]


def test_a_loop_without_an_end_stops_nobody(tasks, workflows):
    body = WorkflowTask("set", "set", type="SET_VARIABLE", input_parameters={"a": 1})
    loop = WorkflowTask("loop", "loop", type="DO_WHILE", loop_condition="true", loop_over=[body])
    workflows.register_workflow(WorkflowDef("endless", [loop], owner_email=OWNER))
    endless = workflows.start_workflow("endless")
    other = start(tasks, workflows)
    (task,) = poll(tasks)
    tasks.update_task(task.task_id, other, "COMPLETED")
    assert workflows.get_workflow_status(other).status == "COMPLETED"
    assert workflows.get_workflow_status(endless).status == "RUNNING"
    workflows.terminate(endless)


def jq(ref, query):
    return WorkflowTask(ref, ref, type="JSON_JQ_TRANSFORM", input_parameters={"queryExpression": query, "n": 2**53})


def test_the_scripts_of_a_call_share_their_time(workflows, monkeypatch):
    monkeypatch.setattr("conductor.testing.scripts.scripts.TIME_LIMIT", 0.5)
    script = {"evaluatorType": "graaljs", "expression": "while (true) {}"}
    branches = [[jq("a", "last(range(1e15))")], [WorkflowTask("b", "b", type="INLINE", input_parameters=script)]]
    fork = WorkflowTask("f", "f", type="FORK_JOIN", fork_tasks=branches)
    join = WorkflowTask("j", "j", type="JOIN", join_on=["a", "b"])
    workflows.register_workflow(WorkflowDef("w", [fork, join], owner_email=OWNER))
    ended = workflows.get_workflow(workflows.start_workflow("w"))
    reasons = {task.reference_task_name: task.reason_for_incompletion for task in ended.tasks[1:3]}
    assert reasons == {
        "a": "Script not evaluated within 0.5 seconds, interrupted.",
        "b": "Script not evaluated within 0.2 seconds, interrupted.",
    }


def test_jq_computes_with_fractions(workflows):
    workflows.register_workflow(WorkflowDef("w", [jq("a", ".n + 1")], owner_email=OWNER))
    (task,) = workflows.get_workflow(workflows.start_workflow("w")).tasks
    assert task.output_data["result"] == 2**53


def test_a_loop_in_the_second_iteration_of_another_fails(server, workflows):
    body = WorkflowTask("n", "n", type="NOOP")
    inner = WorkflowTask("inner", "inner", type="DO_WHILE", loop_condition="false", loop_over=[body])
    outer = WorkflowTask("o", "o", type="DO_WHILE", loop_condition="$.o.iteration < 2", loop_over=[inner])
    workflows.register_workflow(WorkflowDef("w", [outer], owner_email=OWNER))
    workflows.start_workflow("w")
    with pytest.raises(TaskFailed, match="inside of another one that has come to its second iteration"):
        server.join()


def test_a_terminate_task_without_a_valid_status_fails(server, workflows):
    end = WorkflowTask("t", "t", type="TERMINATE", input_parameters={"terminationStatus": "${workflow.input.none}"})
    loop = WorkflowTask("o", "o", type="DO_WHILE", loop_condition="false", loop_over=[end])
    workflows.register_workflow(WorkflowDef("w", [loop], owner_email=OWNER))
    workflows.start_workflow("w")
    with pytest.raises(TaskFailed, match="given termination status is not valid"):
        server.join()


@pytest.mark.parametrize("name", ["JOIN", "EXCLUSIVE_JOIN", "SUB_WORKFLOW", "DO_WHILE"])
def test_a_dynamic_task_with_the_name_of_a_type_that_needs_its_step_ends_the_workflow(workflows, name):
    step = WorkflowTask("d", "d", type="DYNAMIC", dynamic_task_name_param="n", input_parameters={"n": name})
    workflows.register_workflow(WorkflowDef("w", [step], owner_email=OWNER))
    workflow = workflows.get_workflow(workflows.start_workflow("w"))
    assert (workflow.status, workflow.tasks) == ("FAILED", [])
    assert workflow.reason_for_incompletion == (
        f"The name of a dynamic task cannot be {name}, which needs a step of its own type"
    )


def test_a_sub_workflow_whose_definition_is_none_fails(server, workflows):
    param = {"name": "any", "version": 1, "workflowDefinition": "${workflow.input.given}"}
    step = WorkflowTask("s", "s", type="SUB_WORKFLOW", sub_workflow_param=param)
    workflows.register_workflow(WorkflowDef("w", [step], owner_email=OWNER))
    workflows.start_workflow("w", {"given": "text"})
    with pytest.raises(TaskFailed, match="The workflow definition must be an object, not 'text'"):
        server.join()


def in_a_dynamic_fork(tasks, workflows, skipped=None):
    """A workflow whose second step is a dynamic fork of two tasks that have ended. The last step has ended or is
    skipped.
    """
    tasks.register_task_defs(TaskDef("t", owner_email=OWNER))
    forked = [{"name": "t", "taskReferenceName": ref, "type": "SIMPLE"} for ref in ("x", "y")]
    fork = WorkflowTask(
        "fork",
        "fork",
        type="FORK_JOIN_DYNAMIC",
        dynamic_fork_tasks_param="steps",
        dynamic_fork_tasks_input_param_name="inputs",
        input_parameters={"steps": forked, "inputs": {}},
    )
    steps = [WorkflowTask("t", "first"), fork, WorkflowTask("join", "join", type="JOIN"), WorkflowTask("t", "last")]
    workflows.register_workflow(WorkflowDef("w", steps, owner_email=OWNER))
    workflow_id = workflows.start_workflow("w")
    if skipped:
        workflows.skip_task(workflow_id, skipped)
    for ref in ("first", "x", "y", "last"):
        if ref != skipped:
            tasks.update_task_by_ref_name(ref, workflow_id, "COMPLETED")
    return workflow_id


def test_a_rerun_from_a_task_of_a_dynamic_fork_goes_on(tasks, workflows):
    workflow_id = in_a_dynamic_fork(tasks, workflows)
    forked = workflows.get_workflow(workflow_id).tasks[2]
    workflows.rerun(workflow_id, task_id=forked.task_id)
    for ref in (forked.reference_task_name, "last"):
        tasks.update_task_by_ref_name(ref, workflow_id, "COMPLETED")
    assert workflows.get_workflow_status(workflow_id).status == "COMPLETED"


def test_a_step_behind_a_dynamic_fork_can_be_skipped(tasks, workflows):
    workflow_id = in_a_dynamic_fork(tasks, workflows, skipped="last")
    assert workflows.get_workflow_status(workflow_id).status == "COMPLETED"


def test_a_rerun_from_a_join_goes_on(tasks, workflows):
    workflow_id = in_a_dynamic_fork(tasks, workflows)
    join = workflows.get_workflow(workflow_id).tasks[4]
    assert join.reference_task_name == "join"
    workflows.rerun(workflow_id, task_id=join.task_id)
    tasks.update_task_by_ref_name("last", workflow_id, "COMPLETED")
    assert workflows.get_workflow_status(workflow_id).status == "COMPLETED"


@pytest.fixture
def story(tasks, workflows):
    story = Story(tasks, workflows, "w")
    for ref in "ab":
        story.define(ref)
    return story


def test_a_join_is_there_again_when_a_branch_has_ended(story, workflows):
    story.workflow("parent", *story.fork([story.step("a")], [story.step("b")]))
    workflow_id = story.start()
    for ref in "ab":
        story.end(workflow_id, ref)
    workflows.rerun(workflow_id, task_id=story.task(workflow_id, "b").task_id)
    assert story.brief(workflow_id) == ["RUNNING", "f COMPLETED", "a COMPLETED", "b SCHEDULED"]
    story.end(workflow_id, "b")
    assert story.brief(workflow_id) == ["COMPLETED", "f COMPLETED", "a COMPLETED", "b COMPLETED", "j COMPLETED"]


def test_a_canceled_loop_has_the_output_of_ended_iterations(story):
    inline = {"evaluatorType": "javascript", "expression": "$.n > 1 ? nothing.x : 1", "n": "${l.output.iteration}"}
    body = [story.step("a"), story.step("i", "INLINE", input_parameters=inline)]
    story.workflow("parent", story.loop(*body))
    workflow_id = story.start()
    for ref in ("a__1", "a__2"):
        story.end(workflow_id, ref, output={"n": 1})
    loop = story.task(workflow_id, "l")
    assert (loop.status, loop.output_data) == ("CANCELED", {"iteration": 2, "1": {"a": {"n": 1}, "i": {"result": 1}}})


@pytest.mark.parametrize("is_last", [True, False])
def test_an_optional_sub_workflow_that_fails_in_a_fork_ends_with_its_join(story, is_last):
    story.workflow("child", story.step("a"))
    story.workflow("parent", *story.fork([story.sub("su", optional=True)], [story.step("b")]))
    workflow_id = story.start()
    if is_last:
        story.end(workflow_id, "b")
    story.end(story.child(workflow_id, "su"), "a", "FAILED")
    if not is_last:
        story.end(workflow_id, "b")
    ends = ["f COMPLETED", "su COMPLETED_WITH_ERRORS", "b COMPLETED", "j COMPLETED_WITH_ERRORS"]
    story.assert_becomes(workflow_id, "COMPLETED", *ends)


def test_a_join_waits_for_the_retries_of_its_tasks(story):
    story.define("r", retry_count=1)
    story.workflow("parent", *story.fork([story.step("r")], [story.step("b")]))
    workflow_id = story.start()
    story.end(workflow_id, "r", "FAILED")
    story.assert_becomes(
        workflow_id, "RUNNING", "f COMPLETED", "r FAILED", "b SCHEDULED", "j IN_PROGRESS", "r.1 SCHEDULED"
    )
    for ref in ("r", "b"):
        story.end(workflow_id, ref)
    assert story.brief(workflow_id)[0] == "COMPLETED"


def test_a_human_task_beside_a_retried_sub_workflow_is_in_progress(story, workflows):
    story.workflow("child", story.step("a"))
    story.workflow("parent", *story.fork([story.sub("su")], [story.step("h", "HUMAN")]))
    workflow_id = story.start()
    child = story.child(workflow_id, "su")
    story.end(child, "a", "FAILED")
    story.assert_becomes(workflow_id, "FAILED", "f COMPLETED", "su FAILED", "h CANCELED", "j CANCELED")
    workflows.retry(child)
    story.assert_becomes(workflow_id, "RUNNING", "f COMPLETED", "su IN_PROGRESS", "h.1 IN_PROGRESS", "j IN_PROGRESS")


def test_an_exclusive_join_beside_a_task_that_is_not_there_fails(story):
    story.define("e")
    exclusive = story.step("x", "EXCLUSIVE_JOIN", join_on=["b", "nobody"])
    story.workflow("parent", *story.fork([story.step("b", permissive=True)], [story.step("e"), exclusive]))
    workflow_id = story.start()
    story.end(workflow_id, "b", "FAILED")
    story.end(workflow_id, "e")
    assert story.brief(workflow_id) == ["FAILED", "f COMPLETED", "b FAILED", "e COMPLETED", "j CANCELED", "x FAILED"]


@pytest.mark.parametrize("given", ["$workflow", "$workflow.input"])
def test_a_failure_workflow_that_is_no_path_of_an_input_is_not_started(story, workflows, given):
    story.workflow("parent", story.step("a"), failure_workflow=given)
    workflow_id = story.start()
    story.end(workflow_id, "a", "FAILED")
    workflow = workflows.get_workflow(workflow_id)
    assert (workflow.status, workflow.output) == ("FAILED", {})


@pytest.mark.parametrize("kept", ["${workflow.input.n}", "2", 1.5, True])
def test_the_number_of_iterations_to_keep_is_checked_at_registration(workflows, kept):
    body = [WorkflowTask("n", "n", type="NOOP")]
    loop = WorkflowTask(
        "o", "o", type="DO_WHILE", loop_condition="false", loop_over=body, input_parameters={"keepLastN": kept}
    )
    with pytest.raises(ApiError, match="inputParameters.keepLastN must be a whole number") as caught:
        workflows.register_workflow(WorkflowDef("w", [loop], owner_email=OWNER))
    assert caught.value.status == 400


def test_all_steps_are_checked_at_registration(workflows):
    bare = WorkflowTask("x", "x", type="JSON_JQ_TRANSFORM")
    steps = [{"name": "x", "taskReferenceName": "x", "type": "JSON_JQ_TRANSFORM"}]
    given = {"name": "inner", "workflowDefinition": {"name": "inner", "tasks": steps}}
    loop = WorkflowTask("o", "o", type="DO_WHILE", loop_condition="false", loop_over=[bare])
    for step in (loop, WorkflowTask("s", "s", type="SUB_WORKFLOW", sub_workflow_param=given)):
        with pytest.raises(
            ApiError, match="queryExpression field is required for taskType: JSON_JQ_TRANSFORM"
        ) as caught:
            workflows.register_workflow(WorkflowDef("w", [step], owner_email=OWNER))
        assert caught.value.status == 400


def test_sub_workflows_go_down_a_hundred_levels(server, workflows):
    first = WorkflowTask("t", "t")  # what a sub-workflow names must exist when it is started
    workflows.register_workflow(WorkflowDef("itself", [first], owner_email=OWNER))
    itself = WorkflowTask("sub", "sub", type="SUB_WORKFLOW", sub_workflow_param={"name": "itself", "version": 1})
    workflows.register_workflow(WorkflowDef("itself", [itself], owner_email=OWNER))
    workflow_id = workflows.start_workflow("itself")
    with pytest.raises(TaskFailed, match="Sub-workflow itself is over 100 levels deep: does it start itself"):
        server.join(10)
    assert workflows.get_workflow_status(workflow_id).status == "FAILED"


def test_definitions_are_nested_a_hundred_levels_at_most(workflows):
    deep = 1
    for _ in range(100):
        deep = [deep]
    step = WorkflowTask("t", "t", input_parameters={"deep": deep})
    with pytest.raises(ApiError, match="at most 100 levels"):
        workflows.register_workflow(WorkflowDef("w", [step], owner_email=OWNER))


def test_variables_of_the_environment_are_no_expressions(workflows, monkeypatch):
    monkeypatch.setenv("REGION", "north")
    step = WorkflowTask("t", "t", input_parameters={"region": "${REGION}"})
    with pytest.raises(ApiError, match="taskReferenceName: REGION") as caught:
        workflows.register_workflow(WorkflowDef("w", [step], owner_email=OWNER))
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|a)*c", "(.*)*x", "a*" * 10 + "c", "a?" * 30 + "c", "(a|b)" * 30, "(?#[)(a+)+]"]
)
def test_a_regular_expression_that_may_take_for_ever_is_refused_at_registration(workflows, pattern):
    path = f"workflow.input.a[?(@.b =~ /{pattern}/)].b"
    step = WorkflowTask("t", "t", input_parameters={"c": [f"${{{path}}}"]})
    for definition in (
        WorkflowDef("w", [WorkflowTask("o", "o", type="DO_WHILE", loop_condition="false", loop_over=[step])]),
        WorkflowDef("w", [WorkflowTask("t", "t")], output_parameters={"c": f"${{{path}}}"}),
    ):
        definition.owner_email = OWNER
        with pytest.raises(ApiError, match=re.escape(f"{path}: the regular expression /{pattern}/")) as caught:
            workflows.register_workflow(definition)
        assert caught.value.status == 400


@pytest.mark.parametrize("headers", [{"Host": "example.com"}, {"Origin": "http://example.com"}], ids=str)
def test_requests_for_other_names_and_from_other_pages_are_refused(server, headers):
    with (
        ApiClient(http_settings=HttpSettings(server.url, headers=headers)) as client,
        pytest.raises(ApiError, match="this server") as caught,
    ):
        TaskExecutor(client).queue_sizes()
    assert caught.value.status == 403


def test_event_handlers_that_would_never_run_are_refused(server):
    rest = Rest(server.url)
    action = {"action": "start_workflow", "start_workflow": {"name": "w"}}
    answer = rest("POST", "/event", {"name": "h", "event": "sqs:queue", "actions": [action]})
    assert (answer.status, answer.json()["validationErrors"][0]["path"]) == (400, "addEventHandler.arg0.event")
    terminate = {"action": "terminate_workflow", "terminate_workflow": {"workflowId": "w"}}
    answer = rest("POST", "/event", {"name": "h", "event": "conductor:e", "actions": [action, terminate]})
    (problem,) = answer.json()["validationErrors"]
    assert (answer.status, problem["path"]) == (400, "addEventHandler.arg0.actions[1]")
    assert "terminate_workflow" in problem["message"]
    assert rest("GET", "/event").json() == []


def test_tasks_that_nobody_has_got_are_found_by_searches(tasks, workflows):
    start(tasks, workflows)
    assert [found.status for found in tasks.search("taskType=t").results] == ["SCHEDULED"]


def test_removed_workflows_are_gone_also_from_searches(server, tasks, workflows):
    workflow_id = start(tasks, workflows)
    workflows.terminate(workflow_id)
    assert workflows.search("workflowType=w").total_hits == 1
    assert Rest(server.url)("DELETE", f"/workflow/{workflow_id}/remove").status == 200
    assert workflows.search("workflowType=w").total_hits == 0


def test_a_query_that_is_not_read_whole_is_refused(server):
    rest = Rest(server.url)
    for query in (
        "status=RUNNING%20OR%20status=FAILED",
        "startTime%3E=5",
        "version=1",
        "status%20IN%20(RUNNING,%20FAILED)",
    ):
        for kind in ("workflow", "tasks"):
            answer = rest("GET", f"/{kind}/search", query=query)
            assert (answer.status, "the query cannot be read" in answer.json()["message"]) == (400, True)


def test_two_operations_are_not_served(server):
    rest = Rest(server.url)
    for method, path, body in (("POST", "/workflow/bulk/search", ["w"]), ("GET", "/admin/config", None)):
        answer = rest(method, path, body)
        assert (answer.status, f"does not serve {method} /api{path}" in answer.json()["message"]) == (501, True)


def test_each_row_of_the_document_names_a_test_of_this_file():
    rows = re.findall(r"^\| .* \| `(test_\w+)` \|$", DOCUMENT.read_text(), re.MULTILINE)
    here = {name for name in globals() if name.startswith("test_")} - {
        "test_each_row_of_the_document_names_a_test_of_this_file"
    }
    assert set(rows) == here
