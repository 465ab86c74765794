"""TERMINATE and SET_VARIABLE tasks, on both servers."""

import pytest

from conductor import ApiError, WorkflowDef, WorkflowTask

OWNER = "team@example.com"


def step(kind, ref, inputs=None, **members):
    return WorkflowTask(ref, ref, type=kind, input_parameters=inputs or {}, **members)


@pytest.fixture
def run(workflows, name, ended):
    """Runs a workflow of the tasks. Returns it, and its tasks by reference name."""

    def run(*steps, variables=None, output=None, **inputs):
        members = {"variables": variables or {}, "output_parameters": output or {}}
        workflows.register_workflow(WorkflowDef(name, list(steps), owner_email=OWNER, **members))
        return ended(workflows.start_workflow(name, inputs))

    return run


@pytest.mark.parametrize(
    ("inputs", "status", "output"),
    [
        ({"terminationStatus": "COMPLETED", "workflowOutput": {"a": 1}}, "COMPLETED", {"a": 1}),
        ({"terminationStatus": "FAILED", "workflowOutput": "x"}, "FAILED", {"output": "x"}),
        ({"terminationStatus": "TERMINATED", "workflowOutput": [1]}, "TERMINATED", {"output": [1]}),
        ({"terminationStatus": "COMPLETED", "workflowOutput": None}, "COMPLETED", {}),
        ({"terminationStatus": "COMPLETED", "workflowOutput": "${workflow.input.o}"}, "COMPLETED", {"z": 1}),
        ({"terminationStatus": "FAILED", "terminationReason": "why"}, "FAILED", {}),
    ],
    ids=str,
)
def test_a_terminate_task_ends_the_workflow_with_its_output(run, inputs, status, output):
    workflow, tasks = run(step("TERMINATE", "t", inputs), step("NOOP", "n"), output={"p": 1}, o={"z": 1})
    assert (workflow.status, workflow.output) == (status, output)
    assert (tasks.keys(), tasks["t"].status, tasks["t"].output_data) == ({"t"}, "COMPLETED", output)
    reason = inputs.get("terminationReason", f"Workflow is {status} by TERMINATE task: {tasks['t'].task_id}")
    assert workflow.reason_for_incompletion == reason


REFUSED = "terminate task must have an terminationStatus parameter and must be set to COMPLETED or FAILED, taskName: t"


@pytest.mark.parametrize(
    "inputs", [{}, {"terminationStatus": "done"}, {"terminationStatus": "${workflow.input.s}"}], ids=str
)
def test_the_status_of_a_terminate_task_must_be_one(workflows, name, inputs):
    choice = step(
        *("SWITCH", "s"),
        evaluator_type="value-param",
        expression="k",
        decision_cases={"a": [step("TERMINATE", "t", inputs)]},
    )
    for steps in ([step("TERMINATE", "t", inputs)], [choice]):
        with pytest.raises(ApiError, match=REFUSED) as caught:
            workflows.register_workflow(WorkflowDef(name, steps, owner_email=OWNER))
        assert caught.value.status == 400


def test_in_a_loop_it_may_be_an_expression(run):
    body = [step("TERMINATE", "t", {"terminationStatus": "${workflow.input.s}"})]
    workflow, tasks = run(step("DO_WHILE", "l", loop_condition="true", loop_over=body), s="COMPLETED")
    assert (workflow.status, tasks["t__1"].status) == ("COMPLETED", "COMPLETED")


def test_variables_are_kept_replaced_and_read(run):
    first = step("SET_VARIABLE", "v", {"a": "${workflow.input.x}", "b": {"c": [1]}})
    second = step("SET_VARIABLE", "w", {"a": "${workflow.variables.b.c[0]}", "n": None})
    workflow, tasks = run(first, second, step("SET_VARIABLE", "none"), variables={"start": 1, "a": 0}, x=[1])
    assert workflow.status == "COMPLETED"
    assert workflow.variables == {"start": 1, "a": 1, "b": {"c": [1]}, "n": None}
    assert [tasks[ref].output_data for ref in ("v", "w", "none")] == [{}, {}, {}]


def test_too_large_variables_fail_the_task_for_good_and_are_not_kept(run):
    workflow, tasks = run(step("SET_VARIABLE", "v", {"a": "x" * 270_000}), variables={"a": 0})
    assert (workflow.status, workflow.variables) == ("FAILED", {"a": 0})
    assert tasks["v"].status == "FAILED_WITH_TERMINAL_ERROR"
    assert "is greater than the permissible limit: 256 kilobytes" in tasks["v"].reason_for_incompletion
