"""Steps that a workflow makes while it runs, and joins of one of several branches, on both servers."""

import pytest

from conductor import ApiError, TaskDef, WorkflowDef, WorkflowTask
from support.waiting import eventually

OWNER = "team@example.com"


def step(kind, ref, **members):
    return WorkflowTask(ref, ref, type=kind, **members)


def inline(ref, expression, **members):
    return step("INLINE", ref, input_parameters={"expression": expression}, **members)


@pytest.fixture
def run(workflows, tasks, runner, name, ended):
    """Runs a workflow of the steps with a worker of the type NAME. Returns it, and its tasks by reference name."""

    def run(*steps, **inputs):
        tasks.register_task_defs(TaskDef(name, owner_email=OWNER, retry_count=0))
        workflows.register_workflow(WorkflowDef(name, list(steps), owner_email=OWNER))
        runner.start_worker(name, lambda **given: given, 5)
        return ended(workflows.start_workflow(name, {"name": name, **inputs}))

    return run


def test_a_dynamic_task_has_the_name_that_its_input_gives(run, name):
    dynamic = step(
        *("DYNAMIC", "d"), dynamic_task_name_param="which", input_parameters={"which": "${workflow.input.name}", "k": 1}
    )
    workflow, tasks = run(dynamic, step("NOOP", "e"))
    assert (workflow.status, tasks.keys()) == ("COMPLETED", {"d", "e"})
    assert (tasks["d"].task_type, tasks["d"].task_def_name) == (name, name)
    assert tasks["d"].output_data == {"which": name, "k": 1}


def test_a_dynamic_task_without_a_name_ends_the_workflow(run):
    workflow, tasks = run(step("DYNAMIC", "d", dynamic_task_name_param="which", input_parameters={"k": 1}))
    assert (workflow.status, tasks) == ("FAILED", {})
    assert workflow.reason_for_incompletion == (
        "Cannot map a dynamic task based on the parameter and input. Parameter= which, input= {k=1}"
    )


@pytest.mark.parametrize(("defined", "tries"), [("step", 2), ("name", 1)])
def test_a_dynamic_task_has_the_definition_of_its_step(workflows, tasks, name, ended, defined, tries):
    names = {"step": f"{name}_step", "name": f"{name}_name"}
    tasks.register_task_defs(TaskDef(names[defined], owner_email=OWNER, retry_count=1, retry_delay_seconds=0))
    dynamic = WorkflowTask(
        *(names["step"], "d"), type="DYNAMIC", dynamic_task_name_param="n", input_parameters={"n": names["name"]}
    )
    workflows.register_workflow(WorkflowDef(name, [dynamic], owner_email=OWNER))
    workflow_id = workflows.start_workflow(name)
    for count in range(1, tries + 1):
        eventually(lambda count=count: len(workflows.get_workflow(workflow_id).tasks) == count)
        tasks.update_task_by_ref_name("d", workflow_id, "FAILED")
    workflow, _ = ended(workflow_id)
    assert [task.task_def_name for task in workflow.tasks] == [names["name"]] * tries


def test_a_dynamic_task_with_the_name_of_an_event_task_has_no_sink(run):
    _, tasks = run(step("DYNAMIC", "d", dynamic_task_name_param="n", input_parameters={"n": "EVENT"}))
    assert (tasks["d"].task_type, tasks["d"].status) == ("EVENT", "FAILED")
    text = 'Cannot invoke "String.startsWith(String)" because "sinkValue" is null'
    assert tasks["d"].reason_for_incompletion == text


FORK = {
    "dynamic_fork_tasks_param": "steps",
    "dynamic_fork_tasks_input_param_name": "inputs",
    "input_parameters": {"steps": "${workflow.input.steps}", "inputs": "${workflow.input.inputs}"},
}


def fork(**members):
    return step("FORK_JOIN_DYNAMIC", "f", **members)


def join(**members):
    return step("JOIN", "j", **members)


def test_a_dynamic_fork_runs_the_steps_in_its_input(run, name):
    steps = [
        {"name": name, "taskReferenceName": "x", "type": "SIMPLE", "inputParameters": {"a": 0, "b": 2}},
        {"name": "y", "taskReferenceName": "y", "type": "INLINE"},
    ]
    inputs = {"x": {"a": 1}, "y": {"expression": "$.n + 1", "n": 4}}
    workflow, tasks = run(fork(**FORK), join(), step("NOOP", "e"), steps=steps, inputs=inputs)
    assert (workflow.status, tasks.keys()) == ("COMPLETED", {"f", "x", "y", "j", "e"})
    assert tasks["f"].task_type == "FORK"
    assert tasks["f"].input_data["forkedTasks"] == ["x", "y"]
    assert tasks["j"].input_data == {"joinOn": ["x", "y"]}
    assert tasks["j"].output_data == {"x": {"a": 1, "b": 2}, "y": {"result": 5}}


def test_a_dynamic_fork_takes_a_list_of_names_and_inputs(run, name):
    given = {"dynamicTasks": [{"taskName": name, "referenceName": "x", "input": {"a": 1}}]}
    parameters = {"all": "${workflow.input.given}"}
    _, tasks = run(fork(dynamic_fork_join_tasks_param="all", input_parameters=parameters), join(), given=given)
    assert tasks["j"].output_data == {"x": {"a": 1}}


def test_a_dynamic_fork_makes_a_step_of_one_task_for_each_input(run, name):
    parameters = {"forkTaskName": "${workflow.input.name}", "forkTaskInputs": [{"a": 1}, 2]}
    _, tasks = run(fork(input_parameters=parameters), join())
    assert tasks["j"].output_data == {f"_{name}_0": {"a": 1, "__index": 0}, f"_{name}_1": {"input": 2, "__index": 1}}


def test_a_dynamic_fork_makes_a_sub_workflow_for_each_input(run, workflows, name):
    child = f"{name}_child"
    workflows.register_workflow(WorkflowDef(child, [inline("i", "1")], owner_email=OWNER))
    parameters = {"forkTaskWorkflow": child, "forkTaskInputs": [{"a": 1}, {"a": 2}]}
    _, tasks = run(fork(input_parameters=parameters), join())
    made = [tasks["_f_0"], tasks["_f_1"]]
    assert [(task.task_type, task.status) for task in made] == [("SUB_WORKFLOW", "COMPLETED")] * 2
    assert workflows.get_workflow(made[1].sub_workflow_id).input == {"a": 2, "__index": 1}


def test_a_dynamic_fork_without_steps_goes_on(run):
    workflow, tasks = run(fork(**FORK), join(), step("NOOP", "e"), steps=[], inputs={})
    assert (workflow.status, tasks.keys()) == ("COMPLETED", {"f", "j", "e"})


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({"steps": [], "inputs": 5}, "Input to the dynamically forked tasks is not a map -> expecting a map of K,V"),
        ({"steps": [{"name": "q"}], "inputs": {}}, "Input 'steps' is invalid. Cannot deserialize a list of Workflow"),
        ({"inputs": {}}, "Input 'steps' is invalid. Cannot deserialize a list of Workflow Tasks from 'null'"),
    ],
    ids=str,
)
def test_a_dynamic_fork_with_a_wrong_input_ends_the_workflow(run, inputs, reason):
    workflow, tasks = run(fork(**FORK), join(), **inputs)
    assert (workflow.status, tasks) == ("FAILED", {})
    assert workflow.reason_for_incompletion.startswith(reason)


@pytest.mark.parametrize("given", ["inputs", "steps"])
def test_a_dynamic_fork_of_an_unknown_workflow_ends_the_workflow(run, name, given):
    unknown = f"{name}_unknown"
    if given == "inputs":
        begin = fork(input_parameters={"forkTaskInputs": [{"a": 1}], "forkTaskWorkflow": unknown})
    else:
        begin = fork(**FORK)
    steps = [{"name": "s", "taskReferenceName": "s", "type": "SUB_WORKFLOW", "subWorkflowParam": {"name": unknown}}]
    workflow, tasks = run(begin, join(), steps=steps, inputs={})
    assert (workflow.status, tasks) == ("FAILED", {})
    assert workflow.reason_for_incompletion == (
        f"The Task {unknown} defined as a sub-workflow has no workflow definition available "
    )


def test_a_step_of_a_dynamic_fork_with_a_type_of_its_own_needs_a_task_definition(run, name):
    steps = [{"name": f"{name}_unknown", "taskReferenceName": "s", "type": f"{name}_OWN"}]
    workflow, tasks = run(fork(**FORK), join(), steps=steps, inputs={})
    assert (workflow.status, tasks) == ("FAILED", {})
    assert workflow.reason_for_incompletion == (
        f"Invalid task specified. Cannot find task by name {name}_unknown in the task definitions"
    )


def test_a_dynamic_fork_must_be_followed_by_a_join(run):
    workflow, _ = run(fork(**FORK), step("NOOP", "e"), steps=[], inputs={})
    assert workflow.reason_for_incompletion.startswith("Dynamic join definition is not followed by a join task.")


@pytest.mark.parametrize(
    "wrong",
    [
        step("DYNAMIC", "d"),
        fork(),
        fork(dynamic_fork_tasks_param="t"),
        fork(dynamic_fork_tasks_param="t", dynamic_fork_join_tasks_param="l"),
    ],
    ids=["no name", "nothing", "no inputs", "both forms"],
)
def test_a_step_that_says_not_where_its_tasks_are_is_refused(workflows, name, wrong):
    with pytest.raises(ApiError, match=f"taskType: {wrong.type} taskName: {wrong.name}") as caught:
        workflows.register_workflow(WorkflowDef(name, [wrong], owner_email=OWNER))
    assert caught.value.status == 400


def test_a_forked_task_that_is_not_registered_is_never_tried_again(workflows, tasks, name, ended):
    workflows.register_workflow(WorkflowDef(name, [fork(**FORK), join()], owner_email=OWNER))
    steps = [{"name": name, "taskReferenceName": "x", "type": "SIMPLE", "retryCount": 2}]
    workflow_id = workflows.start_workflow(name, {"steps": steps, "inputs": {}})
    tasks.update_task_by_ref_name("x", workflow_id, "FAILED")
    workflow, _ = ended(workflow_id)
    assert workflow.status == "FAILED"
    assert [task.status for task in workflow.tasks if task.reference_task_name == "x"] == ["FAILED"]


def test_a_rerun_from_a_forked_task_goes_on_behind_the_fork(workflows, tasks, name, ended):
    tasks.register_task_defs(TaskDef(name, owner_email=OWNER))
    workflows.register_workflow(WorkflowDef(name, [fork(**FORK), join(), step("NOOP", "e")], owner_email=OWNER))
    steps = [{"name": name, "taskReferenceName": ref, "type": "SIMPLE"} for ref in ("x", "y")]
    workflow_id = workflows.start_workflow(name, {"steps": steps, "inputs": {}})
    for ref in ("x", "y"):
        tasks.update_task_by_ref_name(ref, workflow_id, "COMPLETED")
    _, before = ended(workflow_id)
    workflows.rerun(workflow_id, task_id=before["x"].task_id)
    tasks.update_task_by_ref_name("x", workflow_id, "COMPLETED")
    workflow, after = ended(workflow_id)
    assert workflow.status == "COMPLETED"
    assert list(after) == ["f", "x", "j", "e"]
    assert after["j"].input_data == {"joinOn": []}


def test_a_join_shows_what_has_ended_before_it_ends(workflows, tasks, name):
    steps = [WorkflowTask(f"{name}_{ref}", ref) for ref in ("a", "b")]
    tasks.register_task_defs(*(TaskDef(step.name, owner_email=OWNER) for step in steps))
    forked = step("FORK_JOIN", "f", fork_tasks=[[each] for each in steps])
    workflows.register_workflow(WorkflowDef(name, [forked, step("JOIN", "j", join_on=["a", "b"])], owner_email=OWNER))
    workflow_id = workflows.start_workflow(name)

    def joined():
        found = workflows.get_workflow(workflow_id).tasks
        return next(task for task in found if task.reference_task_name == "j")

    tasks.update_task_by_ref_name("a", workflow_id, "COMPLETED", {"n": 1})
    eventually(lambda: joined().output_data)
    assert (joined().status, joined().output_data) == ("IN_PROGRESS", {"a": {"n": 1}})
    tasks.update_task_by_ref_name("b", workflow_id, "COMPLETED", {"n": 2})
    eventually(lambda: joined().status == "COMPLETED")
    assert joined().output_data == {"a": {"n": 1}, "b": {"n": 2}}


def choice(case):
    return step(
        *("SWITCH", "s"),
        evaluator_type="value-param",
        expression="k",
        input_parameters={"k": case},
        decision_cases={"a": [inline("in_a", "1")], "b": [inline("in_b", "2")]},
    )


@pytest.mark.parametrize(("case", "result"), [("a", 1), ("b", 2), ("other", 0)])
def test_an_exclusive_join_has_the_output_of_the_branch_that_was_taken(run, case, result):
    exclusive = step("EXCLUSIVE_JOIN", "x", join_on=["in_a", "in_b"], default_exclusive_join_task=["before"])
    workflow, tasks = run(inline("before", "0"), choice(case), exclusive, step("NOOP", "e"))
    assert workflow.status == "COMPLETED"
    assert (tasks["x"].status, tasks["x"].output_data) == ("COMPLETED", {"result": result})


def test_an_exclusive_join_on_an_optional_task_that_failed_takes_its_output(run):
    workflow, tasks = run(inline("in_a", "q", optional=True), step("EXCLUSIVE_JOIN", "x", join_on=["in_a"]))
    assert (workflow.status, tasks["x"].status) == ("COMPLETED", "COMPLETED")
    assert tasks["x"].output_data == tasks["in_a"].output_data
