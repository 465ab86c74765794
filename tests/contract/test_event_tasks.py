"""EVENT and START_WORKFLOW tasks, on both servers."""

import pytest

from conductor import ApiError, WorkflowDef, WorkflowTask

OWNER = "team@example.com"
FAILED = "FAILED"


def step(kind, ref, **members):
    return WorkflowTask(ref, ref, type=kind, **members)


def event(sink, **members):
    return step("EVENT", "e", sink=sink, **members)


@pytest.mark.parametrize(
    ("sink", "queue"),
    [
        ("conductor", "e"),
        ("conductor:abc", "abc"),
        ("conductor:a:b", "a:b"),
        ("${workflow.input.sink}", "e"),
        ("conductor:${workflow.input.k}", "kk"),
    ],
)
def test_an_event_holds_the_input_and_the_workflow(run, name, sink, queue):
    given = {"a": "${workflow.input.k}", "sink": "other"}
    workflow, tasks = run(event(sink, input_parameters=given), correlation_id="c", sink="conductor", k="kk")
    read = sink.replace("${workflow.input.sink}", "conductor").replace("${workflow.input.k}", "kk")
    assert (tasks["e"].task_type, tasks["e"].status) == ("EVENT", "COMPLETED")
    assert tasks["e"].input_data == {"a": "kk", "sink": read, "asyncComplete": False}
    assert tasks["e"].output_data == {
        **tasks["e"].input_data,
        "workflowInstanceId": workflow.workflow_id,
        "workflowType": name,
        "workflowVersion": 1,
        "correlationId": "c",
        "taskToDomain": {},
        "event_produced": f"conductor:{name}:{queue}",
    }


@pytest.mark.parametrize(
    ("sink", "reason"),
    [
        ("conductorx", "Invalid / Unsupported sink specified: conductorx"),
        ("sqs:q", "Error loading queue:sqs:q, for task:ID, error: Unknown queue type sqs"),
        ("q", "Error loading queue:q, for task:ID, error: Illegal event q"),
        (None, 'Cannot invoke "String.startsWith(String)" because "sinkValue" is null'),
    ],
    ids=str,
)
def test_an_event_whose_sink_is_none_of_the_server_fails(run, sink, reason):
    workflow, tasks = run(event("${workflow.input.sink}"), sink=sink)
    assert (workflow.status, tasks["e"].status) == (FAILED, FAILED)
    assert tasks["e"].reason_for_incompletion == reason.replace("ID", tasks["e"].task_id)
    assert tasks["e"].output_data["workflowInstanceId"] == workflow.workflow_id


def test_an_event_without_a_sink_is_refused(workflows, name):
    with pytest.raises(ApiError, match="sink field is required for taskType: EVENT taskName: e") as caught:
        workflows.register_workflow(WorkflowDef(name, [step("EVENT", "e")], owner_email=OWNER))
    assert caught.value.status == 400


def test_an_asynchronous_event_waits_for_an_update(workflows, tasks, name, ended):
    definition = WorkflowDef(name, [event("conductor", async_complete=True)], owner_email=OWNER)
    workflows.register_workflow(definition)
    workflow_id = workflows.start_workflow(name)
    (task,) = workflows.get_workflow(workflow_id).tasks
    assert (task.status, task.output_data["event_produced"]) == ("IN_PROGRESS", f"conductor:{name}:e")
    tasks.update_task(task.task_id, workflow_id, "COMPLETED", {"done": True})
    assert ended(workflow_id)[0].output == {"done": True}


def starting(request, **members):
    return step("START_WORKFLOW", "s", input_parameters={"startWorkflow": request}, **members)


def test_a_workflow_is_started_and_not_waited_for(run, workflows, child, ended):
    workflow, tasks = run(starting({"name": child}), correlation_id="c")
    task = tasks["s"]
    assert (workflow.status, task.task_type, task.status, task.poll_count) == (
        "COMPLETED",
        "START_WORKFLOW",
        "COMPLETED",
        1,
    )
    started, _ = ended(task.output_data["workflowId"])
    assert task.output_data == {"workflowId": started.workflow_id}
    assert (started.workflow_version, started.correlation_id, started.parent_workflow_id) == (2, "c", None)


def test_a_started_workflow_has_what_the_request_says(run, child, ended):
    request = {
        "name": child,
        "version": "1",
        "input": {"a": "${workflow.input.x}"},
        "correlationId": "own",
        "priority": 5,
    }
    _, tasks = run(starting({**request, "taskToDomain": {"*": "d"}, "unknown": 1}), x=[1])
    started, _ = ended(tasks["s"].output_data["workflowId"])
    assert (started.workflow_version, started.input, started.correlation_id) == (1, {"a": [1]}, "own")
    assert (started.priority, started.task_to_domain) == (5, {"*": "d"})


@pytest.mark.parametrize("beside", ["any", ""])
def test_a_workflow_is_started_by_a_definition_of_its_own(run, name, ended, beside):
    definition = {
        "name": f"{name}_own",
        "version": 3,
        "tasks": [{"name": "n", "taskReferenceName": "n", "type": "NOOP"}],
    }
    _, tasks = run(starting({"name": beside, "workflowDef": definition}))
    started, inner = ended(tasks["s"].output_data["workflowId"])
    assert (started.workflow_definition.name, started.workflow_version, inner.keys()) == (f"{name}_own", 3, {"n"})


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (None, "Missing 'startWorkflow' in input data."),
        ({}, "startWorkflow validation failed. 'name' -> Workflow name cannot be null or empty. "),
        ({"name": ""}, "Workflow name must be specified when searching for a definition"),
        ({"name": " "}, "Workflow name must be specified when searching for a definition"),
        ({"name": "no_such"}, "No such workflow defined. name=no_such, version=null"),
        ({"name": "no_such", "version": 7}, "No such workflow defined. name=no_such, version=7"),
        ({"name": "n", "priority": 100}, "startWorkflow validation failed. 'priority' -> priority: 100 should be"),
        (
            {"name": "n", "priority": -1},
            "startWorkflow validation failed. 'priority' -> priority: -1 should be minimum",
        ),
        (
            {"name": "n", "workflowDef": {"name": "w", "tasks": []}},
            "startWorkflow validation failed. 'workflowDef.tasks' -> WorkflowTask list cannot be empty. ",
        ),
        ("n", "Error reading StartWorkflowRequest. "),
        ([], "Error reading StartWorkflowRequest. "),
        ({"name": "n", "input": "x"}, "Error reading StartWorkflowRequest. "),
        ({"name": "n", "version": "x"}, "Error reading StartWorkflowRequest. "),
    ],
    ids=str,
)
def test_a_request_that_starts_nothing_fails_the_task(run, request_, reason):
    workflow, tasks = run(starting(request_))
    assert (workflow.status, tasks["s"].status, tasks["s"].output_data) == (FAILED, FAILED, {})
    assert tasks["s"].reason_for_incompletion.startswith(reason)


def test_an_optional_start_that_fails_lets_the_workflow_go_on(run):
    workflow, tasks = run(starting({"name": "no_such"}, optional=True), step("NOOP", "n"))
    assert (workflow.status, tasks["s"].status) == ("COMPLETED", "COMPLETED_WITH_ERRORS")
