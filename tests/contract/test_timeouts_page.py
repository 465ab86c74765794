"""The table of docs/timeouts-and-retries.md that says which limit ends a task, and what follows."""

import re
import time
from pathlib import Path

import pytest

from conductor import TaskDef, WorkflowDef, WorkflowTask
from conductor.task_client import HttpTaskClient
from support.waiting import eventually

OWNER = "team@example.com"
PAGE = (Path(__file__).parents[2] / "docs" / "timeouts-and-retries.md").read_text()
LIMITS = {
    "responseTimeoutSeconds": {"response_timeout_seconds": 1},
    "timeoutSeconds": {"timeout_seconds": 1, "response_timeout_seconds": 1},
    "pollTimeoutSeconds": {"poll_timeout_seconds": 1, "response_timeout_seconds": 60},
    "totalTimeoutSeconds": {"total_timeout_seconds": 1, "response_timeout_seconds": 60},
}
POLICIES = ("TIME_OUT_WF", "RETRY", "ALERT_ONLY")
AGAIN, OVER, GOES_ON = "another try", "the workflow ends", "the try goes on"
FOLLOWS = {
    ("responseTimeoutSeconds", "TIME_OUT_WF"): AGAIN,
    ("responseTimeoutSeconds", "RETRY"): AGAIN,
    ("responseTimeoutSeconds", "ALERT_ONLY"): AGAIN,
    ("timeoutSeconds", "TIME_OUT_WF"): OVER,
    ("timeoutSeconds", "RETRY"): AGAIN,
    ("pollTimeoutSeconds", "TIME_OUT_WF"): OVER,
    ("pollTimeoutSeconds", "RETRY"): AGAIN,
    ("pollTimeoutSeconds", "ALERT_ONLY"): GOES_ON,
    ("totalTimeoutSeconds", "TIME_OUT_WF"): OVER,
    ("totalTimeoutSeconds", "RETRY"): OVER,
    ("totalTimeoutSeconds", "ALERT_ONLY"): GOES_ON,
}


def test_each_limit_ends_a_task_as_the_page_says(api_client, tasks, workflows, name):
    """All at once: each waits for its limit of a second."""
    client = HttpTaskClient(api_client)

    def start(limit, policy):
        task_name = f"{name}_{limit}_{policy}"
        definition = {"retry_count": 9, "retry_delay_seconds": 0, "timeout_policy": policy, "owner_email": OWNER}
        tasks.register_task_defs(TaskDef(task_name, **definition | LIMITS[limit]))
        workflows.register_workflow(WorkflowDef(task_name, [WorkflowTask(task_name, "a")], owner_email=OWNER))
        workflow_id = workflows.start_workflow(task_name)
        if limit != "pollTimeoutSeconds":
            assert client.batch_poll(task_name, "a worker that dies", None, 1, 1.0).tasks
        return workflow_id

    def follows(workflow_id):
        workflows.decide(workflow_id)
        workflow = workflows.get_workflow(workflow_id)
        if len(workflow.tasks) > 1:
            return AGAIN
        return GOES_ON if workflow.status == "RUNNING" else OVER

    started = {row: start(*row) for row in FOLLOWS}
    all_are_due = time.monotonic() + 1.5
    eventually(lambda: time.monotonic() > all_are_due)
    # A busy server does nothing at a decide while its sweeper has the workflow.
    eventually(lambda: {row: follows(workflow_id) for row, workflow_id in started.items()} == FOLLOWS)


@pytest.mark.parametrize("limit", LIMITS)
def test_the_page_shows_what_was_seen(limit):
    shown = re.search(rf"^\| `{limit}` \|.*?\| (.*?) \| (.*?) \| (.*?) \|$", PAGE, re.MULTILINE).groups()
    for policy, effect in zip(POLICIES, shown, strict=True):
        # "no effect", and "this try is the last", which is seen at its end
        expected = FOLLOWS.get((limit, policy), GOES_ON)
        assert effect == expected or (expected == GOES_ON and effect in ("no effect", "this try is the last"))
