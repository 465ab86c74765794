"""WAIT, HUMAN and JOIN tasks that are retried, that time out, or that have a task definition."""

import pytest
from contract.stories import Story

from support.waiting import eventually

WAITING = {"WAIT": "IN_PROGRESS", "HUMAN": "IN_PROGRESS"}

pytestmark = pytest.mark.race


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
        story.assert_becomes(workflow_id, "RUNNING", "q IN_PROGRESS")
        return workflow_id

    return start


@pytest.mark.parametrize("kind", WAITING)
def test_a_terminated_workflow_waits_again_after_a_retry(story, workflows, waiting, kind):
    workflow_id = waiting(kind)
    workflows.terminate(workflow_id)
    workflows.retry(workflow_id)
    story.assert_becomes(workflow_id, "RUNNING", "q CANCELED", "q.1 IN_PROGRESS")
    story.end(workflow_id, "q", output={"by": "Ada"})
    story.assert_becomes(workflow_id, "COMPLETED", "q CANCELED", "q.1 COMPLETED")


@pytest.mark.parametrize("kind", WAITING)
def test_a_failed_task_waits_again_by_its_definition_and_is_not_completed_by_itself(story, workflows, waiting, kind):
    workflow_id = waiting(kind, retry_count=1, retry_delay_seconds=1)
    story.end(workflow_id, "q", "FAILED")
    story.assert_becomes(workflow_id, "RUNNING", "q FAILED", "q.1 IN_PROGRESS")
    workflows.decide(workflow_id)
    story.assert_becomes(workflow_id, "RUNNING", "q FAILED", "q.1 IN_PROGRESS")
    story.end(workflow_id, "q", "FAILED")
    story.assert_becomes(workflow_id, "FAILED", "q FAILED", "q.1 FAILED")


def test_a_wait_for_a_signal_does_not_miss_its_response_timeout(story, waiting, workflows):
    workflow_id = waiting("WAIT", response_timeout_seconds=1)
    with pytest.raises(AssertionError):
        eventually(lambda: workflows.get_workflow_status(workflow_id).status != "RUNNING", 1.5)
    workflows.decide(workflow_id)
    story.assert_becomes(workflow_id, "RUNNING", "q IN_PROGRESS")


def test_a_join_with_a_definition_times_out_when_it_begins(story):
    """The server looks at it before it has noted that it has begun."""
    story.define("a")
    story.define("j", response_timeout_seconds=60)
    story.workflow("parent", *story.fork([story.step("a")]))
    story.assert_becomes(story.start(), "TIMED_OUT", "f COMPLETED", "a CANCELED", "j TIMED_OUT")


def test_a_wait_ends_although_its_workflow_is_paused(story, workflows):
    story.define("z")
    story.workflow(*("parent", story.step("q", "WAIT", input_parameters={"duration": "2 seconds"}), story.step("z")))
    workflow_id = story.start()
    workflows.pause(workflow_id)
    story.assert_becomes(workflow_id, "PAUSED", "q COMPLETED")
    workflows.resume(workflow_id)
    story.assert_becomes(workflow_id, "RUNNING", "q COMPLETED", "z SCHEDULED")


def test_a_join_of_a_paused_workflow_fails_before_its_member_is_tried_again(story, workflows):
    story.define("x", retry_count=1)
    story.define("p")
    story.workflow("parent", *story.fork([story.step("x")], [story.step("p")]))
    workflow_id = story.start()
    workflows.pause(workflow_id)
    story.end(workflow_id, "x", "FAILED")
    story.assert_becomes(workflow_id, "PAUSED", "f COMPLETED", "x FAILED", "p SCHEDULED", "j FAILED")
    workflows.resume(workflow_id)
    story.assert_becomes(workflow_id, "FAILED", "f COMPLETED", "x FAILED", "p CANCELED", "j FAILED")


def test_a_sub_workflow_begins_after_its_delay_although_its_workflow_is_paused(story, workflows):
    story.define("a")
    story.workflow("child", story.step("a"))
    story.workflow("parent", story.sub("su", start_delay=2))
    workflow_id = story.start()
    workflows.pause(workflow_id)
    story.assert_becomes(workflow_id, "PAUSED", "su IN_PROGRESS")


def test_a_wait_is_tried_again_although_its_workflow_is_paused(story, workflows, waiting):
    workflow_id = waiting("WAIT", retry_count=1, retry_delay_seconds=2)
    story.end(workflow_id, "q", "FAILED")
    workflows.pause(workflow_id)
    story.assert_becomes(workflow_id, "PAUSED", "q FAILED", "q.1 IN_PROGRESS")


def test_a_request_is_sent_after_its_delay_although_its_workflow_is_paused(story, workflows):
    story.define("h")
    request = {"uri": "http://127.0.0.1:1/", "method": "GET"}
    story.workflow("parent", story.step("h", "HTTP", start_delay=2, input_parameters={"http_request": request}))
    workflow_id = story.start()
    workflows.pause(workflow_id)
    story.assert_becomes(workflow_id, "PAUSED", "h FAILED")
    workflows.resume(workflow_id)
    story.assert_becomes(workflow_id, "FAILED", "h FAILED")
