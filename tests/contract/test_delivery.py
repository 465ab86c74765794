"""What the delivery of results rests on, with workers on both servers."""

import threading

from conductor import TaskResult, TaskResultStatus, TaskRunner, task_context
from conductor.delivery.outbox import Outbox
from conductor.task_client import HttpTaskClient
from conductor.task_result import hand_back_result
from support.waiting import eventually


def test_a_task_outlives_its_response_timeout_as_long_as_its_lease_is_extended(
    a_workflow, tasks, workflows, runner, ended
):
    # so long that a machine may be held up for three seconds between the extensions, which are due before the half
    name = a_workflow("a", response_timeout_seconds=6, retry_count=1)
    workflow_id = workflows.start_workflow(name)

    def longer_than_its_lease(task):
        for _ in range(7):
            threading.Event().wait(1)
            workflows.decide(workflow_id)  # else the server might not notice a lease that has ended
        return {"lost": task_context().lost.is_set()}

    runner.start_worker(f"{name}_a", longer_than_its_lease, lease_extension=True)
    workflow, tasks_by_ref = ended(workflow_id)
    assert workflow.status == "COMPLETED"
    assert tasks_by_ref["a"].retry_count == 0
    assert tasks_by_ref["a"].output_data == {"lost": False}


def test_what_was_delivered_is_in_progress_and_what_was_put_back_is_scheduled(a_workflow, tasks, workflows, runner):
    """What tells whether an IN_PROGRESS result whose answer was lost had arrived."""
    name = a_workflow("a")
    workflow_id = workflows.start_workflow(name)
    seen = []

    def put_back(task):
        seen.append(tasks.get_task(task.task_id))
        result = TaskResult.from_task(task)
        result.status = TaskResultStatus.IN_PROGRESS
        result.callback_after_seconds = 60
        return result

    runner.start_worker(f"{name}_a", put_back)
    eventually(lambda: seen)
    (delivered,) = seen
    assert (delivered.status, delivered.poll_count) == ("IN_PROGRESS", 1)
    eventually(lambda: tasks.get_task(delivered.task_id).status == "SCHEDULED")
    assert tasks.get_task(delivered.task_id).poll_count == 1
    workflows.terminate(workflow_id)


def test_what_an_earlier_process_left_in_the_outbox_is_delivered_at_the_next_start(
    a_workflow, workflows, api_client, server_url, ended, tmp_path
):
    name = a_workflow("a")
    workflow_id = workflows.start_workflow(name)
    path = tmp_path / "outbox.db"
    delivered = []
    with TaskRunner(api_client, shutdown_timeout=0) as killed:
        done = threading.Event()
        killed.start_worker(f"{name}_a", lambda task: (delivered.append(task), done.wait(20)))
        eventually(lambda: delivered)
        result = TaskResult.from_task(delivered[0])
        result.output_data = {"from": "the outbox"}
        outbox = Outbox(path, api_client.http_settings.base_url)
        outbox.commit(f"{name}_a", result)
        outbox.close()
    with TaskRunner(api_client, outbox=path) as runner:
        runner.start_worker(f"{name}_a", lambda task: None)
        workflow, _ = ended(workflow_id)
    done.set()
    assert workflow.output == {"from": "the outbox"}


MEGABYTES_4 = "x" * 4_000_000


def test_an_input_that_the_server_keeps_elsewhere_fails_its_task_for_good(a_workflow, workflows, runner, ended):
    """Its worker can keep it small, or its operator raise the limit; to run the function on nothing helps nobody."""
    name = a_workflow("a", retry_count=1)
    ran = []
    runner.start_worker(f"{name}_a", ran.append)
    workflow, tasks_by_ref = ended(workflows.start_workflow(name, {"large": MEGABYTES_4}))
    failed = tasks_by_ref["a"]
    assert (workflow.status, failed.status, failed.retry_count) == ("FAILED", "FAILED_WITH_TERMINAL_ERROR", 0)
    assert repr(failed.external_input_payload_storage_path) in failed.reason_for_incompletion
    assert "conductor.app.taskInputPayloadSizeThreshold" in failed.reason_for_incompletion
    assert ran == []


def test_a_task_that_was_put_back_with_a_large_output_fails_instead_of_losing_it(a_workflow, workflows, runner, ended):
    name = a_workflow("a")
    ran = []

    def put_back(task):
        ran.append(task.poll_count)
        result = TaskResult.from_task(task)
        result.status = TaskResultStatus.IN_PROGRESS
        result.output_data = {"large": MEGABYTES_4}
        return result

    runner.start_worker(f"{name}_a", put_back)
    _, tasks_by_ref = ended(workflows.start_workflow(name))
    failed = tasks_by_ref["a"]
    assert (failed.status, failed.poll_count, ran) == ("FAILED_WITH_TERMINAL_ERROR", 2, [1])
    assert "conductor.app.taskOutputPayloadSizeThreshold" in failed.reason_for_incompletion


def test_a_hand_back_does_not_wipe_an_output_that_the_server_keeps_elsewhere(a_workflow, tasks, workflows, api_client):
    name = f"{a_workflow('a')}_a"
    client = HttpTaskClient(api_client)
    workflow_id = workflows.start_workflow(name.removesuffix("_a"))
    task = client.batch_poll(name, "w", None, 1, 1.0).tasks[0]
    large = TaskResult.from_task(task)
    large.status, large.output_data = TaskResultStatus.IN_PROGRESS, {"large": MEGABYTES_4}
    client.update(large, 10)
    stored = client.batch_poll(name, "w", None, 1, 1.0).tasks[0]
    assert stored.external_output_payload_storage_path
    client.update(hand_back_result(stored), 10)
    again = client.batch_poll(name, "w", None, 1, 1.0).tasks[0]
    assert again.external_output_payload_storage_path == stored.external_output_payload_storage_path
    workflows.terminate(workflow_id)


def test_all_of_more_large_tasks_than_one_answer_holds_are_done(a_workflow, workflows, runner, ended):
    name = a_workflow("a")
    ids = [workflows.start_workflow(name, {"large": "x" * 2**21}) for _ in range(21)]
    runner.start_worker(f"{name}_a", lambda task: {"size": len(task.input_data["given"]["large"])}, batch_size=20)
    for workflow_id in ids:
        workflow, tasks_by_ref = ended(workflow_id)
        assert (workflow.output, tasks_by_ref["a"].poll_count) == ({"size": 2**21}, 1)
