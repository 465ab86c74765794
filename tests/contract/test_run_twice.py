"""The table in docs/run-twice.md: which ids of a task stay the same when its function runs again."""

from conductor import TaskResultStatus
from conductor.task_client import HttpTaskClient
from support.waiting import eventually


def test_the_workflow_and_the_step_are_the_same_in_each_run_and_the_task_id_is_not(
    a_workflow, api_client, tasks, workflows, ended
):
    name = a_workflow("a", retry_count=1, retry_delay_seconds=0)
    client = HttpTaskClient(api_client)

    def poll():
        (task,) = eventually(lambda: client.batch_poll(f"{name}_a", "worker", None, 1, 1.0).tasks)
        return task

    def fail(task):
        tasks.update_task(task.task_id, workflow_id, TaskResultStatus.FAILED)

    workflow_id = workflows.start_workflow(name)
    first = poll()
    assert tasks.requeue(f"{name}_a") == 1
    again = poll()
    fail(again)
    retry = poll()
    fail(retry)
    ended(workflow_id)
    workflows.retry(workflow_id)
    retried = poll()
    fail(retried)
    ended(workflow_id)
    workflows.restart(workflow_id)
    restarted = poll()

    deliveries = [first, again, retry, retried, restarted]
    assert {(task.workflow_instance_id, task.reference_task_name) for task in deliveries} == {(workflow_id, "a")}
    assert again.task_id == first.task_id
    assert len({task.task_id for task in deliveries}) == 4
    assert [task.retry_count for task in deliveries] == [0, 0, 1, 2, 0]
