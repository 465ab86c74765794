"""WAIT, HUMAN and JOIN tasks that are retried, that time out, or that have a task definition."""

import pytest
from contract.stories import Story

from support.waiting import eventually

WAITING = {"WAIT": "IN_PROGRESS", "HUMAN": "IN_PROGRESS"}


@pytest.fixture
def story(tasks, workflows, name):
    return Story(tasks, workflows, name)


@pytest.fixture
def waiting(story):
    """Starts a workflow of one task that waits, with the members of its task definition. Returns its id."""

    def start(kind, **definition):
        if definition:
            story.define("q", **definition)
        story.workflow("parent", story.step("q", kind))
        workflow_id = story.start()
        story.becomes(workflow_id, "RUNNING", "q IN_PROGRESS")
        return workflow_id

    return start


@pytest.mark.parametrize("kind", WAITING)
def test_a_terminated_workflow_waits_again_after_a_retry(story, workflows, waiting, kind):
    workflow_id = waiting(kind)
    workflows.terminate(workflow_id)
    workflows.retry(workflow_id)
    story.becomes(workflow_id, "RUNNING", "q CANCELED", "q.1 IN_PROGRESS")
    story.end(workflow_id, "q", output={"by": "Ada"})
    story.becomes(workflow_id, "COMPLETED", "q CANCELED", "q.1 COMPLETED")


@pytest.mark.parametrize("kind", WAITING)
def test_a_failed_task_waits_again_by_its_definition_and_is_not_completed_by_itself(story, workflows, waiting, kind):
    workflow_id = waiting(kind, retry_count=1, retry_delay_seconds=1)
    story.end(workflow_id, "q", "FAILED")
    story.becomes(workflow_id, "RUNNING", "q FAILED", "q.1 IN_PROGRESS")
    workflows.decide(workflow_id)
    story.becomes(workflow_id, "RUNNING", "q FAILED", "q.1 IN_PROGRESS")
    story.end(workflow_id, "q", "FAILED")
    story.becomes(workflow_id, "FAILED", "q FAILED", "q.1 FAILED")


def test_a_wait_for_a_signal_does_not_miss_its_response_timeout(story, waiting, workflows):
    workflow_id = waiting("WAIT", response_timeout_seconds=1)
    with pytest.raises(AssertionError):
        eventually(lambda: workflows.get_workflow_status(workflow_id).status != "RUNNING", 1.5)
    workflows.decide(workflow_id)
    story.becomes(workflow_id, "RUNNING", "q IN_PROGRESS")


def test_a_join_with_a_definition_times_out_when_it_begins(story):
    """The server looks at it before it has noted that it has begun."""
    story.define("a")
    story.define("j", response_timeout_seconds=60)
    story.workflow("parent", *story.fork([story.step("a")]))
    story.becomes(story.start(), "TIMED_OUT", "f COMPLETED", "a CANCELED", "j TIMED_OUT")
