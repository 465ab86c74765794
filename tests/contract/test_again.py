"""Workflows that run again after their end, with the workflows above them: retry and restart."""

import pytest
from contract.stories import Story

from conductor import ApiError
from support.waiting import eventually

pytestmark = pytest.mark.race


@pytest.fixture
def story(tasks, workflows, name):
    return Story(tasks, workflows, name)


@pytest.fixture
def family(story):
    """Starts a workflow with sub-workflows of the tasks a and b. Nothing is retried by itself. Returns its id."""

    def start(*steps, **members):
        for ref in "abcz":
            story.define(ref)
        story.workflow("child", story.step("a"), story.step("b"))
        story.workflow("parent", *steps, **members)
        return story.start()

    return start


def failed_child(story, workflow_id, ref="su"):
    """Let the second task of a sub-workflow fail. Returns the id of the sub-workflow."""
    child = story.child(workflow_id, ref)
    story.end(child, "a")
    story.end(child, "b", "FAILED")
    return child


AGAIN = {"retry": ["a COMPLETED", "b FAILED", "b.1 SCHEDULED"], "restart": ["a SCHEDULED"], "rerun": ["a SCHEDULED"]}


@pytest.mark.parametrize("deed", AGAIN)
def test_a_child_that_runs_again_brings_back_its_parent_and_canceled_siblings(story, workflows, family, deed):
    workflow_id = family(*story.fork([story.sub("su")], [story.step("c")]), story.step("z"))
    child = failed_child(story, workflow_id)
    eventually(lambda: workflows.get_workflow_status(workflow_id).status == "FAILED")
    getattr(workflows, deed)(child)
    story.assert_becomes(child, "RUNNING", *AGAIN[deed])
    story.assert_becomes(workflow_id, "RUNNING", "f COMPLETED", "su IN_PROGRESS", "c.1 SCHEDULED", "j IN_PROGRESS")
    parent = workflows.get_workflow(workflow_id)
    assert (parent.reason_for_incompletion, parent.failed_task_names) == (None, [])
    assert parent.last_retried_time > 0


def test_a_retried_child_retries_the_canceled_children_beside_it(story, workflows, family):
    workflow_id = family(*story.fork([story.sub("su")], [story.sub("other")]))
    other = story.child(workflow_id, "other")
    story.task(other, "a")
    child = failed_child(story, workflow_id)
    story.assert_becomes(other, "TERMINATED", "a CANCELED")
    # The server writes FAILED after it has ended the other child. A retry before that would be overwritten.
    eventually(lambda: workflows.get_workflow_status(workflow_id).status == "FAILED")
    workflows.retry(child)
    story.assert_becomes(workflow_id, "RUNNING", "f COMPLETED", "su IN_PROGRESS", "other IN_PROGRESS", "j IN_PROGRESS")
    story.assert_becomes(other, "RUNNING", "a CANCELED", "a.1 SCHEDULED")


def test_a_retried_child_brings_back_a_parent_that_has_timed_out(story, workflows, family):
    workflow_id = family(story.sub("su"), story.step("z"), timeout_seconds=4, timeout_policy="TIME_OUT_WF")
    child = story.child(workflow_id, "su")
    story.task(child, "a")

    def timed_out():
        workflows.decide(workflow_id)
        return workflows.get_workflow_status(workflow_id).status == "TIMED_OUT"

    eventually(timed_out)
    story.assert_becomes(child, "TERMINATED", "a CANCELED")
    workflows.retry(child)  # the time of the parent begins again
    assert story.brief(workflow_id) == ["RUNNING", "su IN_PROGRESS"]
    assert story.brief(child) == ["RUNNING", "a CANCELED", "a.1 SCHEDULED"]


def test_a_retried_child_brings_back_a_parent_that_was_terminated(story, workflows, family):
    workflow_id = family(*story.fork([story.sub("su")], [story.step("c")]))
    child = story.child(workflow_id, "su")
    story.end(child, "a")
    story.task(child, "b")
    workflows.terminate(workflow_id)
    story.assert_becomes(child, "TERMINATED", "a COMPLETED", "b CANCELED")
    workflows.retry(child)
    story.assert_becomes(workflow_id, "RUNNING", "f COMPLETED", "su IN_PROGRESS", "c.1 SCHEDULED", "j IN_PROGRESS")


def test_a_child_of_an_older_try_does_not_bring_its_parent_back(story, workflows, family):
    workflow_id = family(story.sub("su"))
    old = failed_child(story, workflow_id)
    story.assert_becomes(workflow_id, "FAILED", "su FAILED")
    workflows.retry(workflow_id)
    eventually(lambda: story.task(workflow_id, "su").retry_count == 1)
    failed_child(story, workflow_id)
    story.assert_becomes(workflow_id, "FAILED", "su FAILED", "su.1 FAILED")
    workflows.retry(old)
    story.end(old, "b")
    story.assert_becomes(old, "COMPLETED", "a COMPLETED", "b FAILED", "b.1 COMPLETED")
    story.assert_becomes(workflow_id, "FAILED", "su COMPLETED", "su.1 FAILED")


def test_a_child_of_an_optional_task_does_not_bring_its_parent_back(story, workflows, family):
    workflow_id = family(story.sub("su", optional=True), story.step("z"))
    child = failed_child(story, workflow_id)
    story.assert_becomes(workflow_id, "RUNNING", "su COMPLETED_WITH_ERRORS", "z SCHEDULED")
    workflows.retry(child)
    story.end(child, "b")
    story.assert_becomes(workflow_id, "RUNNING", "su COMPLETED", "z SCHEDULED")


def test_a_retry_that_resumes_sub_workflows_brings_back_canceled_siblings(story, workflows, family):
    workflow_id = family(*story.fork([story.sub("su")], [story.step("c")]))
    child = failed_child(story, workflow_id)
    eventually(lambda: workflows.get_workflow_status(workflow_id).status == "FAILED")
    workflows.retry(workflow_id, resume_subworkflow_tasks=True)
    story.assert_becomes(child, "RUNNING", "a COMPLETED", "b FAILED", "b.1 SCHEDULED")
    story.assert_becomes(workflow_id, "RUNNING", "f COMPLETED", "su IN_PROGRESS", "c.1 SCHEDULED", "j IN_PROGRESS")


def test_a_retry_that_resumes_changes_nothing_if_no_task_has_failed(story, workflows, family):
    workflow_id = family(story.step("a"))
    story.end(workflow_id, "a")
    story.assert_becomes(workflow_id, "COMPLETED", "a COMPLETED")
    workflows.retry(workflow_id, resume_subworkflow_tasks=True)
    with pytest.raises(ApiError, match="There are no retryable tasks"):
        workflows.retry(workflow_id)
    story.assert_becomes(workflow_id, "COMPLETED", "a COMPLETED")


def test_a_retry_gives_the_old_task_the_input_of_the_new_one(story, workflows, family):
    workflow_id = family(story.sub("su", input_parameters={"x": "${workflow.input.none}"}))
    failed_child(story, workflow_id)
    story.assert_becomes(workflow_id, "FAILED", "su FAILED")
    (old,) = workflows.get_workflow(workflow_id).tasks
    assert "x" not in old.input_data
    workflows.retry(workflow_id)
    story.assert_becomes(workflow_id, "RUNNING", "su FAILED", "su.1 IN_PROGRESS")
    old, new = workflows.get_workflow(workflow_id).tasks
    assert old.input_data == new.input_data
    assert old.input_data["x"] is None


@pytest.mark.parametrize("resume", [True, False])
def test_a_retry_finds_a_failed_child_inside_a_loop(story, workflows, family, resume):
    workflow_id = family(story.loop(story.sub("su")))
    child = failed_child(story, workflow_id, "su__1")
    eventually(lambda: workflows.get_workflow_status(workflow_id).status == "FAILED")
    workflows.retry(workflow_id, resume_subworkflow_tasks=resume)
    if resume:
        story.assert_becomes(child, "RUNNING", "a COMPLETED", "b FAILED", "b.1 SCHEDULED")
    else:
        eventually(lambda: story.child(workflow_id, "su__1") != child)
        story.assert_becomes(child, "FAILED", "a COMPLETED", "b FAILED")
    assert workflows.get_workflow_status(workflow_id).status == "RUNNING"


def test_a_restarted_child_that_had_succeeded_brings_its_parent_back(story, workflows, family):
    workflow_id = family(story.sub("su"), story.step("z"))
    child = story.child(workflow_id, "su")
    story.end(child, "a")
    story.end(child, "b")
    story.end(workflow_id, "z")
    story.assert_becomes(workflow_id, "COMPLETED", "su COMPLETED", "z COMPLETED")
    workflows.restart(child)
    story.assert_becomes(workflow_id, "RUNNING", "su IN_PROGRESS", "z COMPLETED")
    story.end(child, "a")
    story.end(child, "b")
    story.assert_becomes(workflow_id, "COMPLETED", "su COMPLETED", "z COMPLETED")
