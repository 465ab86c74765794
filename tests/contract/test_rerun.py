"""Workflows that run again from one of their tasks on."""

import pytest
from contract.stories import Story

from conductor import ApiError
from support.waiting import eventually

pytestmark = pytest.mark.race


@pytest.fixture
def story(tasks, workflows, name):
    return Story(tasks, workflows, name)


@pytest.fixture
def rerun(story, workflows):
    """Runs a workflow again from the task with a reference name on."""

    def rerun(workflow_id, ref, **options):
        workflows.rerun(workflow_id, task_id=story.task(workflow_id, ref).task_id, **options)

    return rerun


@pytest.fixture
def failed(story, workflows):
    """Starts a workflow, completes tasks of it and lets the last one fail. Returns its id."""

    def run(steps, *refs):
        for ref in "abcz":
            story.define(ref)
        story.workflow("child", story.step("a"), story.step("b"))
        story.workflow("parent", *steps)
        workflow_id = story.start()
        for ref in refs[:-1]:
            story.end(story.child(workflow_id, "su") if ref in {"a", "b"} and has_child(steps) else workflow_id, ref)
        owner = story.child(workflow_id, "su") if refs[-1] == "b" and has_child(steps) else workflow_id
        story.end(owner, refs[-1], "FAILED")
        eventually(lambda: workflows.get_workflow_status(workflow_id).status == "FAILED")
        return workflow_id

    return run


def has_child(steps):
    return any(step.task_reference_name in {"su", "f"} for step in steps)


def test_a_failed_sub_workflow_is_started_anew(story, failed, rerun):
    workflow_id = failed([story.sub("su"), story.step("z")], "a", "b")
    old = story.child(workflow_id, "su")
    rerun(workflow_id, "su", task_input={"ignored": 1})
    story.assert_becomes(workflow_id, "RUNNING", "su IN_PROGRESS")
    new = story.child(workflow_id, "su")
    assert new != old
    assert story.task(workflow_id, "su").input_data["workflowInput"] == {}
    story.assert_becomes(new, "RUNNING", "a SCHEDULED")


def test_a_sub_workflow_that_has_succeeded_is_not_run_again(story, failed, rerun):
    workflow_id = failed([story.sub("su"), story.step("z")], "a", "b", "z")
    child = story.child(workflow_id, "su")
    rerun(workflow_id, "su")
    story.assert_becomes(workflow_id, "RUNNING", "su COMPLETED", "z SCHEDULED")
    assert story.child(workflow_id, "su") == child


def test_a_rerun_from_a_sub_workflow_in_a_fork_keeps_its_siblings(story, failed, rerun):
    fork = story.fork([story.sub("su")], [story.step("c")], [story.step("d")])
    workflow_id = failed([*fork, story.step("z")], "c", "a", "b")
    rerun(workflow_id, "su")
    story.assert_becomes(
        *(workflow_id, "RUNNING", "f COMPLETED"), *("su IN_PROGRESS", "c COMPLETED", "d SCHEDULED", "j IN_PROGRESS")
    )


def test_a_parent_is_rerun_from_a_task_of_its_child(story, workflows, failed):
    workflow_id = failed([*story.fork([story.sub("su")], [story.step("c")]), story.step("z")], "c", "a", "b")
    child = story.child(workflow_id, "su")
    workflows.rerun(workflow_id, task_id=story.task(child, "b").task_id, task_input={"n": 5})
    story.assert_becomes(child, "RUNNING", "a COMPLETED", "b SCHEDULED")
    story.assert_becomes(workflow_id, "RUNNING", "f COMPLETED", "su IN_PROGRESS", "c COMPLETED", "j IN_PROGRESS")
    assert story.task(child, "b").input_data == {"n": 5}


def test_a_rerun_inside_a_child_does_not_mend_a_later_task_of_the_parent(story, workflows, failed):
    workflow_id = failed([story.sub("su"), story.step("z")], "a", "b", "z")
    child = story.child(workflow_id, "su")
    workflows.rerun(workflow_id, task_id=story.task(child, "b").task_id)
    story.assert_becomes(workflow_id, "FAILED", "su CANCELED", "z FAILED")
    story.assert_becomes(child, "TERMINATED", "a COMPLETED", "b CANCELED")


def test_a_task_that_is_nowhere_is_refused(story, workflows, failed):
    workflow_id = failed([story.sub("su"), story.step("z")], "a", "b")
    with pytest.raises(ApiError, match="Task nowhere not found"):
        workflows.rerun(workflow_id, task_id="nowhere")


def test_tasks_that_failed_beside_the_first_one_begin_again(story, failed, rerun):
    """Also a try that a later one has made good: a worker gets it once more (3.32.3)."""
    story.define("x", retry_count=1)
    workflow_id = None
    for ref in "z":
        story.define(ref)
    story.workflow("retried", story.step("x"), story.step("z"))
    workflow_id = story.start("retried")
    story.end(workflow_id, "x", "FAILED")
    eventually(lambda: story.task(workflow_id, "x").retry_count == 1)
    story.end(workflow_id, "x")
    story.end(workflow_id, "z", "FAILED")
    story.assert_becomes(workflow_id, "FAILED", "x FAILED", "x.1 COMPLETED", "z FAILED")
    rerun(workflow_id, "z")
    story.assert_becomes(workflow_id, "RUNNING", "x SCHEDULED", "x.1 COMPLETED", "z SCHEDULED")


@pytest.mark.parametrize(("kind", "status"), [("WAIT", "SCHEDULED"), ("HUMAN", "IN_PROGRESS")])
def test_a_rerun_lets_a_finished_task_wait_again(story, rerun, kind, status):
    story.define("z")
    story.workflow("parent", story.step("q", kind), story.step("z"))
    workflow_id = story.start()
    story.end(workflow_id, "q")
    story.end(workflow_id, "z", "FAILED")
    story.assert_becomes(workflow_id, "FAILED", "q COMPLETED", "z FAILED")
    rerun(workflow_id, "q")
    story.assert_becomes(workflow_id, "RUNNING", f"q {status}")
    story.end(workflow_id, "q")
    story.assert_becomes(workflow_id, "RUNNING", "q COMPLETED", "z SCHEDULED")


def test_a_rerun_from_an_earlier_iteration_goes_on_from_there(story, workflows, rerun):
    for ref in "abz":
        story.define(ref)
    story.workflow("parent", story.loop(story.step("a"), story.step("b")), story.step("z"))
    workflow_id = story.start()
    for ref in ("a__1", "b__1", "a__2"):
        story.end(workflow_id, ref)
    story.end(workflow_id, "b__2", "FAILED")
    eventually(lambda: workflows.get_workflow_status(workflow_id).status == "FAILED")
    rerun(workflow_id, "b__1")
    story.assert_becomes(workflow_id, "RUNNING", "l IN_PROGRESS", "a__1 COMPLETED", "b__1 SCHEDULED")
    for ref in ("b__1", "a__2", "b__2", "z"):
        story.end(workflow_id, ref)
    eventually(lambda: workflows.get_workflow_status(workflow_id).status == "COMPLETED")


def test_a_rerun_from_a_choice_at_the_beginning_takes_its_branch_again(story, workflows, rerun):
    for ref in "ab":
        story.define(ref)
    choice = {"evaluator_type": "value-param", "expression": "x", "input_parameters": {"x": "1"}}
    story.workflow(
        *("parent", story.step("s", "SWITCH", decision_cases={"1": [story.step("a")]}, **choice), story.step("b"))
    )
    workflow_id = story.start()
    story.end(workflow_id, "a")
    story.end(workflow_id, "b")
    eventually(lambda: workflows.get_workflow_status(workflow_id).status == "COMPLETED")
    rerun(workflow_id, "s")
    story.assert_becomes(workflow_id, "RUNNING", "s COMPLETED", "a SCHEDULED")


def test_a_rerun_from_a_dynamic_fork_makes_its_branches_anew(story, workflows, name, rerun):
    for ref in "ab":
        story.define(ref)
    inputs = {"steps": "${workflow.input.steps}", "inputs": "${workflow.input.inputs}"}
    names = {"dynamic_fork_tasks_param": "steps", "dynamic_fork_tasks_input_param_name": "inputs"}
    story.workflow(
        "parent", story.step("f", "FORK_JOIN_DYNAMIC", input_parameters=inputs, **names), story.step("j", "JOIN")
    )
    steps = [{"name": f"{name}_{ref}", "taskReferenceName": ref, "type": "SIMPLE"} for ref in "ab"]
    workflow_id = story.start("parent", {"steps": steps, "inputs": {}})
    story.end(workflow_id, "a")
    story.end(workflow_id, "b", "FAILED")
    eventually(lambda: workflows.get_workflow_status(workflow_id).status == "FAILED")
    rerun(workflow_id, "f")
    story.assert_becomes(workflow_id, "RUNNING", "f COMPLETED", "a SCHEDULED", "b SCHEDULED", "j IN_PROGRESS")
