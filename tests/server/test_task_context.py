"""What functions tell through ``task_context()``, over HTTP."""

import time

import pytest

from conductor import ApiClient, HttpSettings, TaskExecutor, TaskRunner, TransportError, WorkflowExecutor, task_context
from conductor.models import TaskDef, WorkflowDef, WorkflowTask
from conductor.task_client import HttpTaskClient
from conductor.testing import DevServer, FakeTaskClient
from support.stub import Answer
from support.waiting import eventually


@pytest.mark.parametrize("ahead", [0, 40])
def test_lines_stand_in_order_although_the_clock_of_the_server_is_ahead(ahead):
    """The server sorts a task's log by time. It dates lines that come while the function runs, and not the others."""

    def worker(task):
        for number in range(13):
            task_context().log(str(number))
            time.sleep(0.1)
        raise ValueError("at the end")

    with DevServer() as server, ApiClient(http_settings=HttpSettings(server.url)) as client:
        server.clock.advance(ahead)
        tasks, workflows = TaskExecutor(client), WorkflowExecutor(client)
        tasks.register_task_defs(TaskDef(name="t", retry_count=0))
        workflows.register_workflow(
            WorkflowDef(name="w", tasks=[WorkflowTask(name="t", task_reference_name="t")], timeout_seconds=0)
        )
        workflow_id = workflows.start_workflow("w")
        with TaskRunner(client) as runner:
            runner.start_worker("t", worker)
            eventually(lambda: workflows.get_workflow(workflow_id).status == "FAILED")
        (task,) = workflows.get_workflow(workflow_id).tasks
        *lines, traceback = [entry.log for entry in tasks.get_logs(task.task_id)]
    assert "\n".join(lines).split("\n") == [str(number) for number in range(13)]
    assert traceback.endswith("ValueError: at the end\n")


def test_a_line_is_sent_as_it_was_written(stub, runner):
    stub.add_task("t")

    def worker(task):
        task_context().log('say "ä"\nand \ud800')
        eventually(lambda: stub.of("POST /tasks/t1/log"))

    runner.start_worker("t", worker)
    (request,) = eventually(lambda: stub.of("POST /tasks/t1/log"))
    assert request.body.decode() == 'say "ä"\nand ?'


def test_a_request_with_lines_ends_in_the_time_that_it_is_given(stub, api_client):
    stub.answers["POST /tasks/t1/log"].append(Answer(delay=3))
    began = time.monotonic()
    with pytest.raises(TransportError, match="no answer within") as caught:
        HttpTaskClient(api_client).add_log("t1", "line", 0.2)
    assert time.monotonic() - began < 2
    assert caught.value.may_have_arrived


def test_a_request_that_finds_no_server_cannot_have_arrived():
    nobody = "http://127.0.0.1:9/api"  # "discard": nothing listens there
    with ApiClient(http_settings=HttpSettings(nobody)) as client, pytest.raises(TransportError) as caught:
        HttpTaskClient(client).add_log("t1", "line", 1)
    assert not caught.value.may_have_arrived


def test_a_fake_client_shows_the_lines_that_were_sent_while_the_function_ran():
    client = FakeTaskClient()

    def worker(task):
        task_context().log("early")
        eventually(lambda: client.logs)
        task_context().log("late")

    with TaskRunner(client) as runner:
        runner.start_worker("t", worker)
        task_id = client.add_task("t")
        (result,) = client.results(1)
    assert client.logs == {task_id: ["early"]}
    assert [entry.log for entry in result.logs] == ["late"]
