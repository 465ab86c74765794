"""Commands that follow a running system, as processes on a terminal."""

import signal
import socket

import pytest

from conductor import TaskExecutor, WorkflowExecutor
from support.terminal import Terminal


@pytest.fixture
def workflow_id(client):
    step = {"name": "charge", "taskReferenceName": "first", "type": "SIMPLE"}
    workflows = WorkflowExecutor(client)
    workflows.register_workflow({"name": "order", "version": 1, "schemaVersion": 2, "tasks": [step]})
    return workflows.start_workflow("order")


def test_a_watch_shows_each_change_and_ends_with_the_workflow(server, client, workflow_id):
    with Terminal("workflow", "watch", workflow_id, "--server", server.url, "--interval", "0.1") as terminal:
        terminal.read_until(r"nobody polls charge")
        terminal.read_until(r"first .* SCHEDULED")
        TaskExecutor(client).update_task_by_ref_name("first", workflow_id, "COMPLETED", {})
        terminal.read_until(r"first .* COMPLETED")
        assert terminal.process.wait(20) == 0


def test_ctrl_c_ends_a_watch_and_not_the_workflow(server, client, workflow_id):
    with Terminal("workflow", "watch", workflow_id, "--server", server.url) as terminal:
        terminal.read_until(r"first .* SCHEDULED")
        terminal.process.send_signal(signal.SIGINT)
        text = terminal.read_until(r"\x1b\[\?25h")  # the cursor is shown again
        assert terminal.process.wait(20) == 130
    assert "Traceback" not in text
    assert WorkflowExecutor(client).get_workflow_status(workflow_id).status == "RUNNING"


def test_ids_are_whole_on_a_terminal_that_is_too_narrow_for_a_table(server, client, workflow_id):
    (task,) = WorkflowExecutor(client).get_workflow(workflow_id).tasks
    for arguments in (["task", "search", "--task", "charge"], ["workflow", "get", workflow_id]):
        with Terminal(*arguments, "--server", server.url, columns=60) as terminal:
            assert terminal.process.wait(30) == 0
            text = terminal.rest()
        assert task.task_id in text
        assert workflow_id in text


WORKER = """
from conductor import MetricsSettings, TaskRunner, provide_metrics

with provide_metrics(MetricsSettings(port=0)) as metrics, TaskRunner() as runner:
    runner.start_worker("charge", lambda task: {})
    print(metrics.port, flush=True)
    runner.wait_workers()
"""


def test_top_shows_the_work_of_a_process_until_ctrl_c(server, workflow_id, start_program):
    port = start_program(WORKER, server.url).stdout.readline().strip()
    metrics = f"http://127.0.0.1:{port}"
    with Terminal("top", "--server", server.url, "--metrics", metrics, "--interval", "0.1") as terminal:
        terminal.read_until(r"charge +\d")
        terminal.process.send_signal(signal.SIGINT)
        text = terminal.read_until(r"\x1b\[\?25h")
        assert terminal.process.wait(20) == 0
    assert "Traceback" not in text


@pytest.mark.parametrize(("arguments", "status"), [([], 0), (["--once"], 130)])
def test_ctrl_c_at_the_first_look_of_top_ends_it_in_silence(server, arguments, status):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Terminal("top", "--server", server.url, "--metrics", url, *arguments) as terminal:
            connection, _ = silent.accept()
            with connection:
                terminal.process.send_signal(signal.SIGINT)
                assert terminal.process.wait(20) == status
            assert terminal.rest() == ""
