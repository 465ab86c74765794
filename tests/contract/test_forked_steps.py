"""Steps of a dynamic fork that have other steps inside of them, on both servers."""

import pytest

from conductor import TaskDef, WorkflowDef, WorkflowTask
from support.waiting import eventually

OWNER = "team@example.com"


def step(kind, ref, **members):
    return {"name": ref, "taskReferenceName": ref, "type": kind, **members}


def inline(ref):
    return step("INLINE", ref, inputParameters={"expression": "1"})


def loop(ref, *body):
    return step("DO_WHILE", ref, loopCondition=f"$.{ref}['iteration'] < 2", loopOver=list(body))


def choice(ref, *chosen):
    cases = {"evaluatorType": "value-param", "expression": "k", "decisionCases": {"a": list(chosen)}}
    return step("SWITCH", ref, inputParameters={"k": "a"}, **cases)


def worked(name, ref):
    """A step for a worker."""
    return step("SIMPLE", ref) | {"name": name}


@pytest.fixture
def start(workflows, name):
    """Starts a workflow of a dynamic fork with the steps, a JOIN and a NOOP. Returns its id."""

    def start(*steps):
        fork = WorkflowTask(
            *("f", "f"),
            type="FORK_JOIN_DYNAMIC",
            dynamic_fork_tasks_param="steps",
            dynamic_fork_tasks_input_param_name="inputs",
            input_parameters={"steps": "${workflow.input.steps}", "inputs": {}},
        )
        behind = [WorkflowTask("j", "j", type="JOIN"), WorkflowTask("e", "e", type="NOOP")]
        workflows.register_workflow(WorkflowDef(name, [fork, *behind], owner_email=OWNER))
        return workflows.start_workflow(name, {"steps": list(steps)})

    return start


def test_a_loop_in_a_dynamic_fork_runs_its_iterations(start, ended):
    workflow, tasks = ended(start(loop("l", inline("i"))))
    assert (workflow.status, tasks.keys()) == ("COMPLETED", {"f", "l", "i__1", "i__2", "j", "e"})
    assert tasks["l"].output_data == {"1": {"i": {"result": 1}}, "2": {"i": {"result": 1}}, "iteration": 2}
    assert tasks["j"].output_data == {"l": tasks["l"].output_data}


@pytest.mark.parametrize(("around", "ref"), [(choice, "w"), (loop, "w__1")])
def test_a_step_inside_of_a_forked_one_has_its_task_definition(start, workflows, tasks, name, ended, around, ref):
    tasks.register_task_defs(TaskDef(f"{name}_w", owner_email=OWNER, retry_count=1, retry_delay_seconds=0))
    workflow_id = start(around("s", worked(f"{name}_w", "w")))
    tasks.update_task_by_ref_name(ref, workflow_id, "FAILED")

    def tries():
        found = workflows.get_workflow(workflow_id).tasks
        return [task.status for task in found if task.reference_task_name == ref]

    try:
        eventually(lambda: tries() == ["FAILED", "SCHEDULED"], 8)
    except AssertionError:  # the server (3.32.3) misses a decision if its lock is taken
        workflows.decide(workflow_id)
        eventually(lambda: tries() == ["FAILED", "SCHEDULED"], 8)
    workflows.terminate(workflow_id)


@pytest.mark.parametrize("around", [choice, loop])
def test_a_step_inside_of_a_forked_one_that_is_not_registered_is_never_tried_again(start, tasks, name, ended, around):
    workflow_id = start(around("s", worked(f"{name}_w", "w")))
    tasks.update_task_by_ref_name("w" if around is choice else "w__1", workflow_id, "FAILED")
    workflow, _ = ended(workflow_id)
    assert (workflow.status, len(workflow.tasks)) == ("FAILED", 4)


def test_the_join_of_a_dynamic_fork_waits_for_the_chosen_branch(start, tasks, name, workflows, ended):
    workflow_id = start(choice("s", worked(f"{name}_w", "w")), inline("i"))
    (join,) = (task for task in workflows.get_workflow(workflow_id).tasks if task.task_type == "JOIN")
    assert join.input_data == {"joinOn": ["w", "i"]}
    tasks.update_task_by_ref_name("w", workflow_id, "COMPLETED", {"n": 1})
    workflow, found = ended(workflow_id)
    assert (workflow.status, found["j"].output_data) == ("COMPLETED", {"w": {"n": 1}, "i": {"result": 1}})


def test_the_version_of_a_forked_sub_workflow_is_not_written_into_the_input(start, child, workflows, ended):
    step = {"name": "s", "taskReferenceName": "s", "type": "SUB_WORKFLOW", "subWorkflowParam": {"name": child}}
    workflow, tasks = ended(start(step))
    assert workflow.input == {"steps": [step]}
    assert tasks["f"].input_data["steps"] == [step]
    assert tasks["s"].input_data["subWorkflowVersion"] == 2
