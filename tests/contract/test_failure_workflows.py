"""Failure workflows: which one is started, and when."""

import pytest
from contract.stories import Story

from support.waiting import eventually


@pytest.fixture
def story(tasks, workflows, name):
    return Story(tasks, workflows, name)


@pytest.fixture
def start(story, name):
    """Starts a workflow with a failureWorkflow. Its input ``x`` is the name of one."""

    def start(failure_workflow):
        for ref in "af":
            story.define(ref)
        story.workflow("failure", story.step("f"))
        story.workflow("parent", story.step("a"), failure_workflow=failure_workflow.replace("NAME", name))
        return story.start("parent", {"x": f"{name}_failure"})

    return start


@pytest.mark.parametrize("given", ["NAME_failure", "$workflow.input.x"])
def test_a_failed_workflow_starts_its_failure_workflow(story, workflows, name, start, given):
    workflow_id = start(given)
    story.end(workflow_id, "a", "FAILED")
    started = eventually(lambda: workflows.get_workflow(workflow_id).output.get("conductor.failure_workflow"))
    failure = workflows.get_workflow(started)
    assert failure.workflow_name == f"{name}_failure"
    assert (failure.input["workflowId"], failure.input["failureStatus"]) == (workflow_id, "FAILED")
    failed = failure.input["failedWorkflow"]
    assert (failed["failedTaskId"], failed["previousStatus"]) == (failure.input["failureTaskId"], "RUNNING")
    assert failed["workflowDefinition"]["name"] == f"{name}_parent"


@pytest.mark.parametrize("given", ["${workflow.input.x}", "$workflow.input.nothing"])
def test_a_name_that_leads_nowhere_starts_nothing(story, workflows, start, given):
    workflow_id = start(given)
    story.end(workflow_id, "a", "FAILED")
    story.assert_becomes(workflow_id, "FAILED", "a FAILED")
    assert "conductor.failure_workflow" not in workflows.get_workflow(workflow_id).output


def test_a_terminated_workflow_starts_no_failure_workflow(story, workflows, start):
    workflow_id = start("NAME_failure")
    workflows.terminate(workflow_id, "enough")
    story.assert_becomes(workflow_id, "TERMINATED", "a CANCELED")
    assert "conductor.failure_workflow" not in workflows.get_workflow(workflow_id).output
