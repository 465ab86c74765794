"""The programs of the pages about migration run: the right column, which is that of this package."""

import re
import signal

import pytest

from conductor import ApiClient, AuthenticationSettings, HttpSettings, WorkflowDef, WorkflowExecutor, WorkflowTask
from conductor.testing import DevServer
from support.pages import DOCS
from support.programs import Programs, waits_for_signals

KEY_ID, SECRET = "my-id", "my-secret"
KEY = AuthenticationSettings(KEY_ID, SECRET)
NAMES_OF_GO_PAGE = f"""
import os, sys
from conductor import *

key, secret = {(KEY_ID, SECRET)}
url = os.environ["CONDUCTOR_SERVER_URL"]

def simple_worker(task: Task) -> dict[str, str]:
    return {{"from": task.input_data["order_id"]}}
"""
"""The page shows no imports of either language."""


def right_column(page, title):
    """The code behind a comment in the first line of a block."""
    for _, block in re.findall(r"^```(\w*)\n(.*?)^```$", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE):
        first, *others = block.splitlines()
        if f" {title}" in first:
            column = first.index(title)
            return "\n".join(line[column:] for line in others)
    raise AssertionError(f"{page} has no column {title!r}")


@pytest.mark.parametrize(
    ("code", "task_type", "output"),
    [
        (right_column("migration-from-conductor-python.md", "# conductor-worker"), "charge", {}),
        (NAMES_OF_GO_PAGE + right_column("migration-from-go.md", "# Python"), "simple_task", {"from": "A7"}),
    ],
    ids=["conductor-python", "go"],
)
def test_the_same_program_works_here_until_a_signal(code, task_type, output, monkeypatch):
    monkeypatch.setenv("CONDUCTOR_AUTH_KEY", KEY_ID)
    monkeypatch.setenv("CONDUCTOR_AUTH_SECRET", SECRET)
    with DevServer(key=KEY) as server, ApiClient(KEY, HttpSettings(server.url)) as client, Programs() as programs:
        process = waits_for_signals(programs.start(code, server.url))
        workflows = WorkflowExecutor(client)
        step = WorkflowTask(task_type, task_type, input_parameters={"order_id": "${workflow.input.order_id}"})
        workflows.register_workflow(WorkflowDef("order", [step], owner_email="team@example.com"))
        done = workflows.execute_workflow("order", {"order_id": "A7"}, timeout=20)
        assert (done.status, done.tasks[0].output_data) == ("COMPLETED", output)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 0, errors
