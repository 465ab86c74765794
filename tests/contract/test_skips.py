"""Tasks that an operator skips, at places where the workflow does more than go on to the next task."""

import pytest
from contract.stories import Story


@pytest.fixture
def story(tasks, workflows, name):
    return Story(tasks, workflows, name)


@pytest.fixture
def start(story):
    """Starts a workflow of the steps, whose definitions are registered."""

    def start(*steps):
        for ref in "abcdxz":
            story.define(ref)
        story.workflow("parent", *steps)
        return story.start()

    return start


def test_a_join_with_a_skipped_member_stands_still(story, workflows, start):
    workflow_id = start(story.step("x"), *story.fork([story.step("b"), story.step("c")], [story.step("d")]))
    workflows.skip_task(workflow_id, "c")
    for ref in "xbd":
        story.end(workflow_id, ref)
    workflows.decide(workflow_id)
    story.assert_becomes(
        *(workflow_id, "RUNNING", "c SKIPPED", "x COMPLETED", "f COMPLETED"),
        *("b COMPLETED", "d COMPLETED", "j IN_PROGRESS"),
    )


def test_a_skipped_task_keeps_its_step(story, workflows, start):
    workflow_id = start(story.step("a"), story.step("b"), story.step("z"))
    workflows.skip_task(workflow_id, "b")
    skipped = story.task(workflow_id, "b")
    assert (skipped.status, skipped.seq, skipped.workflow_task.task_reference_name) == ("SKIPPED", 0, "b")
    story.end(workflow_id, "a")
    story.assert_becomes(workflow_id, "RUNNING", "b SKIPPED", "a COMPLETED", "z SCHEDULED")


def test_a_skipped_loop_is_passed_over(story, workflows, start):
    workflow_id = start(story.step("x"), story.loop(story.step("a")), story.step("z"))
    workflows.skip_task(workflow_id, "l")
    story.end(workflow_id, "x")
    story.end(workflow_id, "z")
    story.assert_becomes(workflow_id, "COMPLETED", "l SKIPPED", "x COMPLETED", "z COMPLETED")


def test_the_first_task_of_a_case_cannot_be_taken_out_of_it(story, workflows, start):
    """The case has no other task then, so the workflow stands still."""
    cases = {"q": [story.step("a"), story.step("b")]}
    switch = story.step(
        *("s", "SWITCH"),
        evaluator_type="value-param",
        expression="k",
        input_parameters={"k": "q"},
        decision_cases=cases,
    )
    workflow_id = start(story.step("x"), switch, story.step("z"))
    workflows.skip_task(workflow_id, "a")
    story.end(workflow_id, "x")
    story.assert_becomes(workflow_id, "RUNNING", "a SKIPPED", "x COMPLETED", "s COMPLETED")
