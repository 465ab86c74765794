"""EXCLUSIVE_JOIN, and tasks of it that have failed."""

import pytest
from contract.stories import Story


@pytest.fixture
def story(tasks, workflows, name):
    story = Story(tasks, workflows, name)
    for ref in "abe":
        story.define(ref)
    return story


def start(story, **members):
    """An exclusive join of two branches in a third one, behind ``e``."""
    exclusive = story.step("x", "EXCLUSIVE_JOIN", **members)
    branches = [[story.step(ref, permissive=True)] for ref in "ab"]
    story.workflow("parent", *story.fork(*branches, [story.step("e"), exclusive]))
    return story.start()


def fail(story, tasks, workflow_id, ref):
    task_id = story.task(workflow_id, ref).task_id
    tasks.update_task(task_id, workflow_id, "FAILED", reason_for_incompletion=f"{ref} broke")


def test_a_permissive_task_that_failed_is_joined_while_another_runs(story):
    workflow_id = start(story, join_on=["b", "a"])
    story.end(workflow_id, "b", "FAILED", {"q": 1})
    story.end(workflow_id, "e")
    ends = ["b FAILED", "e COMPLETED", "j IN_PROGRESS", "x COMPLETED"]
    story.assert_becomes(workflow_id, "RUNNING", "f COMPLETED", "a SCHEDULED", *ends)
    assert story.task(workflow_id, "x").output_data == {"q": 1}


def test_it_fails_with_all_reasons_when_all_have_ended(story, tasks):
    workflow_id = start(story, join_on=["b", "a"])
    for ref in "ba":
        fail(story, tasks, workflow_id, ref)
    story.end(workflow_id, "e")
    story.assert_becomes(
        workflow_id, "FAILED", "f COMPLETED", "a FAILED", "b FAILED", "e COMPLETED", "j CANCELED", "x FAILED"
    )
    assert story.task(workflow_id, "x").reason_for_incompletion == "b broke a broke"


def test_it_fails_with_a_default_task_that_failed(story, tasks):
    workflow_id = start(story, join_on=["nobody"], default_exclusive_join_task=["b"])
    fail(story, tasks, workflow_id, "b")
    story.end(workflow_id, "e")
    story.assert_becomes(
        workflow_id, "FAILED", "f COMPLETED", "a CANCELED", "b FAILED", "e COMPLETED", "j CANCELED", "x FAILED"
    )
    assert story.task(workflow_id, "x").reason_for_incompletion == "b broke "
