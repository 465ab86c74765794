"""Steps of a dynamic fork that have other steps inside of them, on both servers."""

import pytest

from conductor import WorkflowDef, WorkflowTask

OWNER = "team@example.com"


def step(kind, ref, **members):
    return {"name": ref, "taskReferenceName": ref, "type": kind, **members}


def inline(ref):
    return step("INLINE", ref, inputParameters={"expression": "1"})


def loop(ref, *body):
    return step("DO_WHILE", ref, loopCondition=f"$.{ref}['iteration'] < 2", loopOver=list(body))


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
