"""Sub-workflows that are defined where they are used, and those of the latest version, on both servers."""

import pytest

from conductor import ApiError, WorkflowDef, WorkflowTask

OWNER = "team@example.com"


def step(kind, ref, **members):
    return WorkflowTask(ref, ref, type=kind, **members)


def sub(param, **inputs):
    return step("SUB_WORKFLOW", "s", sub_workflow_param=param, input_parameters=inputs)


@pytest.fixture
def run(workflows, name, ended):
    """Runs a workflow of the tasks. Returns it, its tasks by reference name, and the child of s."""

    def run(*steps, **inputs):
        workflows.register_workflow(WorkflowDef(name, list(steps), owner_email=OWNER))
        workflow, tasks = ended(workflows.start_workflow(name, inputs))
        child_id = tasks["s"].sub_workflow_id
        return workflow, tasks, workflows.get_workflow(child_id) if child_id else None

    return run


@pytest.mark.parametrize(("version", "kept", "latest"), [(0, 0, 2), (None, 2, 2), (1, 1, 1)])
def test_version_zero_is_the_latest_one(run, child, version, kept, latest):
    _, tasks, started = run(sub({"name": child, "version": version}, a=5))
    assert tasks["s"].input_data["subWorkflowVersion"] == kept
    assert (started.workflow_version, started.input) == (latest, {"a": 5})
    assert started.tasks[0].reference_task_name == f"n{latest}"


def test_the_latest_version_of_an_unknown_workflow_fails_the_task(run, name):
    workflow, tasks, _ = run(sub({"name": f"{name}_none", "version": 0}))
    assert (workflow.status, tasks["s"].status) == ("FAILED", "FAILED")
    assert tasks["s"].reason_for_incompletion == f"No such workflow defined. name={name}_none, version=null"


@pytest.mark.parametrize("version", [0, 1])
def test_the_name_may_be_an_expression(run, child, version):
    _, _, started = run(sub({"name": "${workflow.input.n}", "version": version}), n=child)
    assert (started.workflow_name, started.workflow_version) == (child, version or 2)


def inline(name, **members):
    """A definition whose output is its input a."""
    task = {"name": "x", "taskReferenceName": "x", "type": "INLINE"}
    task["inputParameters"] = {"expression": "$.a", "a": "${workflow.input.a}"}
    output = {"r": "${x.output.result}"}
    return {"name": name, "version": 3, "tasks": [task], "outputParameters": output, "schemaVersion": 2, **members}


@pytest.mark.parametrize("named", [{}, {"name": "another", "version": 1}], ids=str)
def test_a_sub_workflow_may_be_defined_where_it_is_used(run, workflows, name, named):
    own = f"{name}_own"
    workflow, tasks, started = run(sub({**named, "workflowDefinition": inline(own)}, a=5))
    assert (workflow.status, tasks["s"].output_data["r"]) == ("COMPLETED", 5)
    assert (started.workflow_name, started.workflow_version) == (own, 3)
    assert started.input == {"a": 5, "_systemMetadata": {"dynamic": True}}
    given = tasks["s"].input_data
    assert (given["subWorkflowName"], given["subWorkflowVersion"]) == (own, None)
    assert given["subWorkflowDefinition"]["tasks"][0]["asyncComplete"] is False
    stored = workflows.get_workflow_def(name).tasks[0].sub_workflow_param
    assert (stored.name, stored.version) == (own, 3)
    with pytest.raises(ApiError) as caught:
        workflows.get_workflow_def(own)
    assert caught.value.status == 404


def test_a_definition_may_come_from_the_data_of_the_workflow(run, name):
    param = {"name": name, "version": 3, "workflowDefinition": "${workflow.input.d}"}
    _, tasks, started = run(sub(param, a=[1]), d=inline(f"{name}_own"))
    assert tasks["s"].output_data["r"] == [1]
    assert (started.workflow_name, started.workflow_version) == (f"{name}_own", 3)
    assert tasks["s"].input_data["subWorkflowDefinition"] == inline(f"{name}_own")


def test_without_a_definition_in_the_data_the_name_counts(run, child):
    _, tasks, started = run(sub({"name": child, "version": 1, "workflowDefinition": "${workflow.input.none}"}))
    assert (started.workflow_version, tasks["s"].input_data["subWorkflowDefinition"]) == (1, None)


def test_the_metadata_in_the_input_of_a_child_are_kept(run, name):
    _, _, started = run(sub({"workflowDefinition": inline(f"{name}_own")}, _systemMetadata={"q": 1}))
    assert started.input == {"_systemMetadata": {"q": 1, "dynamic": True}}


def test_a_definition_in_a_definition_is_run(run, name):
    inner = {"name": "in", "taskReferenceName": "in", "type": "SUB_WORKFLOW", "inputParameters": {"a": 9}}
    inner["subWorkflowParam"] = {"workflowDefinition": inline(f"{name}_inner")}
    outer = {"name": f"{name}_outer", "version": 1, "tasks": [inner], "schemaVersion": 2}
    workflow, tasks, _ = run(sub({"workflowDefinition": outer}))
    assert (workflow.status, tasks["s"].output_data["r"]) == ("COMPLETED", 9)


@pytest.mark.parametrize(
    ("definition", "text"),
    [("text", "is a string, but not a valid DSL string"), ([1], "must be either null, or WorkflowDef, or a valid DSL")],
)
def test_a_definition_that_is_none_is_refused(workflows, name, definition, text):
    step = sub({"name": name, "version": 1, "workflowDefinition": definition})
    with pytest.raises(ApiError, match=f"workflowDefinition {text}") as caught:
        workflows.register_workflow(WorkflowDef(name, [step], owner_email=OWNER))
    assert caught.value.status == 500
