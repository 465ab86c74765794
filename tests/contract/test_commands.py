"""The commands that look at a running system and repair it, on both servers."""

import json

import pytest
from click.testing import CliRunner

from conductor import TaskResult, TaskResultStatus
from conductor.cli.program import program
from conductor.delivery.outbox import Outbox
from conductor.task_client import HttpTaskClient
from support.waiting import eventually


@pytest.fixture
def command(server_url):
    """Runs a command with --json; returns its exit status and the values that it printed."""

    def run(*arguments):
        done = CliRunner().invoke(program, [*arguments, "--server", server_url, "--json"])
        return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()]

    return run


@pytest.fixture
def polled(api_client, a_workflow, workflows, name):
    """A task that a worker has taken."""
    workflows.start_workflow(a_workflow("a"))
    return eventually(lambda: HttpTaskClient(api_client).batch_poll(f"{name}_a", "w", None, 1, 1.0).tasks)[0]


def test_check_finds_no_problem_with_the_server(command):
    status, (findings,) = command("check")
    assert status == 0
    found = {each["check"]: each for each in findings}
    assert (found["server"]["status"], found["access key"]["status"]) == ("ok", "ok")
    assert found["server version"]["text"].startswith("3.")
    assert found["clock"]["status"] != "problem"


def test_a_task_is_shown_and_completed(command, polled):
    assert command("task", "get", polled.task_id)[1][0]["taskId"] == polled.task_id
    assert command("task", "logs", polled.task_id) == (0, [[]])
    assert command("task", "update", polled.task_id, "--status", "IN_PROGRESS", "--output", '{"a": 1}')[0] == 0
    assert command("task", "update", polled.task_id, "--status", "COMPLETED")[0] == 0
    assert command("task", "update", polled.task_id, "--status", "COMPLETED")[0] == 1
    assert command("task", "get", polled.task_id)[1][0]["outputData"] == {"a": 1}


@pytest.mark.parametrize("arguments", [["task", "get"], ["task", "logs"], ["workflow", "get"], ["workflow", "watch"]])
def test_an_unknown_id_is_an_error(command, arguments):
    assert command(*arguments, "no-such-id") == (1, [])


def test_a_workflow_is_watched_to_its_end_and_retried(command, polled):
    workflow_id = polled.workflow_instance_id
    assert command("workflow", "retry", workflow_id)[0] == 1
    assert command("task", "update", polled.task_id, "--status", "FAILED", "--reason", "no stock")[0] == 0
    status, changes = command("workflow", "watch", workflow_id, "--interval", "0.1")
    assert status == 1
    assert changes[-1]["status"] == "FAILED"
    assert "no stock" in [change.get("reasonForIncompletion") for change in changes]
    assert command("workflow", "retry", workflow_id)[0] == 0
    assert command("workflow", "get", workflow_id)[1][0]["status"] == "RUNNING"
    assert command("workflow", "terminate", workflow_id, "--reason", "over")[0] == 0
    assert command("workflow", "watch", workflow_id)[1][-1]["reasonForIncompletion"] == "over"


def test_a_queue_shows_its_tasks_and_its_poller(command, polled, workflows, name):
    workflows.start_workflow(name)
    workflows.start_workflow(name, task_to_domain={f"{name}_a": "blue"})
    (found,) = eventually(lambda: sizes_are(command("queue", f"{name}_a")[1], [1, 1]))
    assert [(each["domain"], each["workerId"], each["isUnattended"]) for each in found] == [
        (None, "w", False),
        ("blue", None, True),
    ]


def sizes_are(values, wanted):
    return values if [each["size"] for each in values[0]] == wanted else None


def test_results_of_an_outbox_are_sent(command, polled, server_url, tmp_path):
    path = tmp_path / "results.db"
    outbox = Outbox(path, server_url)
    done = TaskResultStatus.COMPLETED
    for result in (
        TaskResult(polled.task_id, polled.workflow_instance_id, done),
        TaskResult("no-such-task", "no-such-workflow", done),
    ):
        assert outbox.commit("t", result)
    outbox.close()
    status, (fates,) = command("outbox", "send", str(path))
    assert (status, [each["fate"] for each in fates]) == (0, ["accepted", "not needed"])
    assert command("task", "get", polled.task_id)[1][0]["status"] == "COMPLETED"
