"""What is stored, filled in and refused at registration."""

import pytest

from conductor.testing.engine import Refusal


def problems(call, *arguments):
    with pytest.raises(Refusal) as caught:
        call(*arguments)
    assert (caught.value.status, caught.value.message) == (400, "Validation failed, check below errors for detail.")
    return {(problem["path"], problem["message"]) for problem in caught.value.validation_errors}


def refused(call, *arguments):
    with pytest.raises(Refusal) as caught:
        call(*arguments)
    return caught.value.status, caught.value.message


def test_task_definitions_are_filled_in_and_replaced_wholly(world):
    world.engine.metadata.register_task_defs([{"name": "a", "retryCount": 7, "unknown": 1, "description": "d"}])
    definition = world.engine.metadata.get_task_def("a")
    assert (definition["retryCount"], definition["responseTimeoutSeconds"], definition["updateTime"]) == (7, 3600, 0)
    assert "unknown" not in definition
    world.clock.advance(5)
    world.engine.metadata.update_task_def({"name": "a"})
    replaced = world.engine.metadata.get_task_def("a")
    assert (replaced["retryCount"], replaced["createTime"]) == (3, definition["createTime"])
    assert replaced["updateTime"] == definition["createTime"] + 5000
    assert "description" not in replaced
    assert [d["name"] for d in world.engine.metadata.get_task_defs()] == ["a"]
    world.engine.metadata.delete_task_def("a")
    assert world.engine.metadata.get_task_defs() == []


def test_task_definitions_are_refused_together(world):
    register = world.engine.metadata.register_task_defs
    assert problems(register, []) == {("registerTaskDef.arg0", "TaskDefList is empty")}
    assert problems(register, [{"name": "ok"}, {"name": "x", "timeoutSeconds": 120}]) == {
        ("registerTaskDef.arg0[1]", "TaskDef: x responseTimeoutSeconds: 3600 must be less than timeoutSeconds: 120")
    }
    assert world.engine.metadata.get_task_defs() == []
    found = problems(
        register,
        [
            {"name": "", "retryCount": -1, "responseTimeoutSeconds": 0, "backoffScaleFactor": 0},
            {"name": "y", "pollTimeoutSeconds": -1},
            {"name": "z", "responseTimeoutSeconds": 1, "timeoutSeconds": 10, "totalTimeoutSeconds": 5},
        ],
    )
    assert {path.removeprefix("registerTaskDef.arg0") for path, _ in found} == {
        "[0].name",
        "[0].retryCount",
        "[0].responseTimeoutSeconds",
        "[0].backoffScaleFactor",
        "[1].pollTimeoutSeconds",
        "[2]",
    }
    assert refused(world.engine.metadata.update_task_def, {"name": "x"}) == (404, "No such task by name x")
    assert refused(world.engine.metadata.get_task_def, "x") == (404, "No such taskType found by name: x")
    assert refused(world.engine.metadata.delete_task_def, "x") == (500, "No such task definition")


def test_workflow_definitions_have_versions(world, build):
    register = world.engine.metadata.register_workflow_def
    register({"name": "wf", "tasks": [build.simple()]})
    register({"name": "wf", "version": 2, "tasks": [build.simple("b")]})
    assert refused(register, {"name": "wf", "tasks": [build.simple()]}) == (409, "Workflow with wf.1 already exists!")
    assert world.engine.metadata.get_workflow_def("wf")["version"] == 2
    assert world.engine.metadata.get_workflow_def("wf", 1)["tasks"][0]["name"] == "a"
    assert world.engine.metadata.update_workflow_defs([{"name": "wf", "tasks": [build.simple("c")]}]) == {
        "bulkErrorResults": {},
        "bulkSuccessfulResults": ["wf"],
    }
    assert world.engine.metadata.get_workflow_def("wf", 1)["tasks"][0]["name"] == "c"
    assert len(world.engine.metadata.get_workflow_defs()) == 2
    world.engine.metadata.delete_workflow_def("wf", 2)
    assert world.engine.metadata.get_workflow_def("wf")["version"] == 1
    assert refused(world.engine.metadata.get_workflow_def, "wf", 2) == (
        404,
        "No such workflow found by name: wf, version: 2",
    )
    assert refused(world.engine.metadata.delete_workflow_def, "x", 1) == (
        500,
        "No such workflow definition: x version: 1",
    )
    assert problems(world.engine.metadata.update_workflow_defs, []) == {
        ("updateWorkflowDef.arg0", "WorkflowDef list name cannot be null or empty")
    }


ONE = "registerWorkflowDef.arg0.tasks[0]"
TERMINATION = (
    "terminate task must have an terminationStatus parameter and must be set to COMPLETED or FAILED, taskName: a"
)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"name": ""}, "WorkflowTask name cannot be empty or null"),
        ({"taskReferenceName": ""}, "WorkflowTask taskReferenceName name cannot be empty or null"),
        ({"type": "SWITCH"}, "decisionCases should have atleast one task for taskType: SWITCH taskName: a"),
        ({"type": "SWITCH"}, "evaluatorType field is required for taskType: SWITCH taskName: a"),
        (
            {"type": "SWITCH", "evaluatorType": "value-param"},
            "expression field is required for taskType: SWITCH taskName: a",
        ),
        ({"type": "DO_WHILE"}, "loopCondition field is required for taskType: DO_WHILE taskName: a"),
        ({"type": "DO_WHILE"}, "loopOver field is required for taskType: DO_WHILE taskName: a"),
        ({"type": "FORK_JOIN"}, "forkTasks should have atleast one task for taskType: FORK_JOIN taskName: a"),
        ({"type": "TERMINATE", "optional": True}, "terminate task cannot be optional, taskName: a"),
        ({"type": "TERMINATE", "inputParameters": {"terminationStatus": "X"}}, TERMINATION),
        ({"type": "SUB_WORKFLOW"}, "subWorkflowParam field is required for taskType: SUB_WORKFLOW taskName: a"),
        (
            {"type": "WAIT", "inputParameters": {"duration": "1 s", "until": "2020-01-01"}},
            "Both 'duration' and 'until' specified. Please provide only one input",
        ),
        ({"type": "WAIT", "inputParameters": {"duration": "nonsense"}}, "Either date or duration is passed as null "),
        ({"type": "WAIT", "inputParameters": {"until": "nonsense"}}, "Unable to parse date "),
    ],
)
def test_tasks_are_refused_in_the_servers_words(world, build, members, message):
    found = problems(world.engine.metadata.register_workflow_def, {"name": "bad", "tasks": [build.simple() | members]})
    assert message in {text for path, text in found if path.startswith(ONE)}


def test_workflows_are_refused_in_the_servers_words(world, build):
    register = world.engine.metadata.register_workflow_def
    assert problems(register, {"schemaVersion": 1}) == {
        ("registerWorkflowDef.arg0.name", "WorkflowDef name cannot be null or empty"),
        ("registerWorkflowDef.arg0.tasks", "WorkflowTask list cannot be empty"),
        ("registerWorkflowDef.arg0.schemaVersion", "workflowDef schemaVersion: 2 is only supported"),
    }
    twice = {"name": "bad", "tasks": [build.simple(), build.simple("b", ref="a")]}
    assert problems(register, twice) == {
        (
            "registerWorkflowDef.arg0",
            "taskReferenceName: a should be unique across tasks for a given workflowDefinition: bad",
        )
    }
    dangling = {"name": "bad", "tasks": [build.simple(inputParameters={"x": "${nope.output.x}"})]}
    assert problems(register, dangling) == {
        (
            "registerWorkflowDef.arg0",
            (
                "taskReferenceName: nope for given task: a input value: x of input parameter: ${nope.output.x} "
                "is not defined in workflow definition."
            ),
        )
    }


@pytest.mark.parametrize("kind", ["KAFKA_PUBLISH", "LLM_CHAT_COMPLETE"])
def test_a_type_that_this_server_does_not_run_is_named(world, build, kind):
    nested = build.system("FORK_JOIN", "f", forkTasks=[[build.system(kind, "x")]])
    found = problems(
        world.engine.metadata.register_workflow_def,
        {"name": "bad", "tasks": [nested, build.system("JOIN", "j", joinOn=["x"])]},
    )
    place = f"{ONE}.forkTasks[0].<list element>[0]"
    assert found == {(place, f"the embedded server does not support taskType: {kind} taskName: x")}


@pytest.mark.parametrize(
    ("members", "part"),
    [
        ({"type": "SWITCH", "evaluatorType": "python", "expression": "1"}, "value-param, javascript and graaljs, not"),
        ({"type": "INLINE", "inputParameters": {"evaluatorType": "python"}}, "does not run Python"),
        ({"type": "EVENT", "sink": "sqs:q"}, "no other sink than conductor"),
    ],
)
def test_a_feature_that_this_server_does_not_have_is_named(world, build, members, part):
    task = build.simple() | {"decisionCases": {"1": [build.simple("b")]}, "loopOver": [build.simple("c")]} | members
    found = problems(world.engine.metadata.register_workflow_def, {"name": "bad", "tasks": [task]})
    assert any(part in text and "taskName: a" in text for _, text in found)


def test_a_workflow_keeps_the_definitions_it_was_started_with(world, build):
    world.task_def(retryCount=0)
    workflow_id = world.start(build.simple())
    world.task_def(retryCount=5)
    world.run(status="FAILED")
    assert world.status(workflow_id) == "FAILED"
    later = world.start(build.simple())
    world.run(status="FAILED")
    assert world.status(later) == "RUNNING"


def test_a_workflow_can_bring_its_own_definition(world, build):
    definition = {"name": "own", "version": 3, "tasks": [build.simple()]}
    workflow_id = world.engine.workflows.start({"name": "x", "workflowDef": definition})
    workflow = world.engine.workflows.get(workflow_id)
    assert (workflow["workflowName"], workflow["workflowVersion"]) == ("own", 3)
    assert problems(world.engine.workflows.start, {"name": "x", "workflowDef": {"name": "own"}}) == {
        ("startWorkflow.arg0.workflowDef.tasks", "WorkflowTask list cannot be empty")
    }


def test_a_sub_workflow_must_exist_when_its_parent_starts(world, build):
    child = build.system("SUB_WORKFLOW", "s", subWorkflowParam={"name": "nobody"})
    world.engine.metadata.register_workflow_def({"name": "wf", "tasks": [child]})
    assert refused(world.engine.workflows.start, {"name": "wf"}) == (
        500,
        "The Task nobody defined as a sub-workflow has no workflow definition available ",
    )
    versioned = build.system("SUB_WORKFLOW", "s", subWorkflowParam={"name": "nobody", "version": 2})
    workflow_id = world.start(versioned)
    assert world.tasks(workflow_id)[0]["reasonForIncompletion"] == ("No such workflow defined. name=nobody, version=2")
    assert world.status(workflow_id) == "FAILED"
