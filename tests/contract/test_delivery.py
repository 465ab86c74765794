"""What the delivery of results rests on, with workers on both servers."""

import threading

from conductor import TaskResult, TaskResultStatus, TaskRunner, task_context
from conductor.runner.outbox import Outbox
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
