"""The worker guide's examples, sentence by sentence, on a real server."""

import dataclasses
import subprocess
import sys
import threading
import time

import pytest

from conductor import NonRetryableError, NotFoundError, TaskResult, TaskResultStatus, task_context
from support.waiting import eventually


@dataclasses.dataclass
class TaskOutput:
    keys: list[str]
    message: str
    value: float


def test_a_struct_becomes_the_output(runner, workflows, a_workflow, ended):
    def simple_worker(task):
        return TaskOutput(keys=["Key1", "Key2"], message="Hello World", value=0.5)

    name = a_workflow("a")
    workflow_id = workflows.start_workflow(name)
    runner.start_worker(f"{name}_a", simple_worker)
    workflow, tasks = ended(workflow_id)
    assert workflow.status == "COMPLETED"
    assert tasks["a"].output_data == {"keys": ["Key1", "Key2"], "message": "Hello World", "value": 0.5}


def test_a_worker_sees_its_input_and_the_server_its_worker_id(runner, workflows, a_workflow, ended):
    name = a_workflow("a")
    workflow_id = workflows.start_workflow(name, {"list": [1, {"deep": None}], "big": 2**60})
    runner.start_worker(f"{name}_a", lambda task: {"seen": task.input_data["given"]})
    _, tasks = ended(workflow_id)
    assert tasks["a"].output_data == {"seen": {"list": [1, {"deep": None}], "big": 2**60}}
    assert tasks["a"].worker_id


def test_an_exception_fails_the_task_with_reason_and_traceback(runner, tasks, workflows, a_workflow, ended):
    def faulty_worker(task):
        task_context().log("before")
        raise LookupError("no such order: 7")

    name = a_workflow("a")
    workflow_id = workflows.start_workflow(name)
    runner.start_worker(f"{name}_a", faulty_worker)
    workflow, by_ref = ended(workflow_id)
    assert workflow.status == "FAILED"
    assert by_ref["a"].status == "FAILED"
    assert by_ref["a"].reason_for_incompletion == "LookupError: no such order: 7"
    before, traceback = eventually(lambda: tasks.get_logs(by_ref["a"].task_id))
    assert before.log == "before"
    assert "in faulty_worker" in traceback.log


def test_the_server_retries_a_failed_task_as_a_new_one(runner, workflows, a_workflow, ended):
    seen = []

    def second_try_works(task):
        seen.append((task.task_id, task.retry_count, task_context().retry_count))
        if task.retry_count == 0:
            raise OSError
        return {"done": True}

    name = a_workflow("a", retry_count=1, retry_delay_seconds=0)
    workflow_id = workflows.start_workflow(name)
    runner.start_worker(f"{name}_a", second_try_works)
    workflow, _ = ended(workflow_id)
    assert workflow.status == "COMPLETED"
    assert [counts for _, *counts in seen] == [[0, 0], [1, 1]]
    assert len({task_id for task_id, *_ in seen}) == 2


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_non_retryable_error_ends_the_workflow_without_a_retry(runner, workflows, a_workflow, ended, wrapped):
    def worker(task):
        if wrapped:
            raise ValueError("outside") from NonRetryableError("inside")
        raise NonRetryableError("never")

    name = a_workflow("a", retry_count=3, retry_delay_seconds=0)
    workflow_id = workflows.start_workflow(name)
    runner.start_worker(f"{name}_a", worker)
    workflow, tasks = ended(workflow_id)
    assert workflow.status == "FAILED"
    assert len(workflow.tasks) == 1
    assert tasks["a"].status == "FAILED_WITH_TERMINAL_ERROR"


def test_in_progress_with_a_callback_is_delivered_again_after_it(runner, workflows, a_workflow, ended):
    deliveries = []

    def long_running_worker(task):
        deliveries.append((time.monotonic(), task.task_id, task.poll_count, task.output_data))
        result = TaskResult.from_task(task)
        result.output_data = {"step": len(deliveries)}
        if len(deliveries) == 1:
            result.status = TaskResultStatus.IN_PROGRESS
            result.callback_after_seconds = 2
        return result

    name = a_workflow("a")
    workflow_id = workflows.start_workflow(name)
    runner.start_worker(f"{name}_a", long_running_worker)
    workflow, tasks = ended(workflow_id)
    assert workflow.status == "COMPLETED"
    assert tasks["a"].output_data == {"step": 2}
    (first_at, first_id, first_count, _), (second_at, second_id, second_count, output) = deliveries
    assert second_at - first_at >= 2
    assert first_id == second_id
    assert (first_count, second_count) == (1, 2)
    assert output == {"step": 1}


COMPLETE_FROM_OUTSIDE = """
import sys
from conductor import ApiClient, HttpSettings, TaskExecutor, TaskResultStatus
url, task_id, workflow_id = sys.argv[1:]
with ApiClient(http_settings=HttpSettings(url)) as client:
    TaskExecutor(client).update_task(task_id, workflow_id, TaskResultStatus.COMPLETED, {"by": "another process"})
"""


def test_another_process_completes_a_task_that_waits_for_its_callback(
    runner, tasks, workflows, a_workflow, ended, server_url
):
    deliveries = []

    def waits_for_another(task):
        deliveries.append(task.task_id)
        result = TaskResult.from_task(task)
        result.status = TaskResultStatus.IN_PROGRESS
        result.callback_after_seconds = 60
        return result

    name = a_workflow("a")
    workflow_id = workflows.start_workflow(name)
    runner.start_worker(f"{name}_a", waits_for_another)
    eventually(lambda: deliveries and tasks.get_task(deliveries[0]).status == "SCHEDULED")
    assert tasks.queue_size(f"{name}_a") == 1
    subprocess.run([sys.executable, "-c", COMPLETE_FROM_OUTSIDE, server_url, deliveries[0], workflow_id], check=True)
    workflow, by_ref = ended(workflow_id)
    assert workflow.status == "COMPLETED"
    assert by_ref["a"].output_data == {"by": "another process"}
    assert tasks.queue_size(f"{name}_a") == 0  # nothing left that could be delivered
    assert len(deliveries) == 1


def test_a_task_is_completed_by_its_reference_name(tasks, workflows, a_workflow, ended):
    workflow_id = workflows.start_workflow(a_workflow("a"))
    task_id = tasks.update_task_by_ref_name("a", workflow_id, TaskResultStatus.COMPLETED, TaskOutput(["k"], "m", 1.0))
    workflow, by_ref = ended(workflow_id)
    assert workflow.status == "COMPLETED"
    assert by_ref["a"].task_id == task_id
    assert by_ref["a"].output_data == {"keys": ["k"], "message": "m", "value": 1.0}
    with pytest.raises(NotFoundError, match="no task 'a' is pending"):
        tasks.update_task_by_ref_name("a", workflow_id, TaskResultStatus.COMPLETED)


def test_an_async_worker_runs_many_tasks_at_once(runner, workflows, a_workflow, ended):
    together = threading.Barrier(4, timeout=20)

    async def worker(task):
        import asyncio  # noqa: PLC0415 - as a user's function would not

        await asyncio.to_thread(together.wait)
        return {"poll": task_context().poll_count}

    name = a_workflow("a")
    ids = [workflows.start_workflow(name) for _ in range(4)]
    runner.start_worker(f"{name}_a", worker, batch_size=4)
    for workflow_id in ids:
        workflow, tasks = ended(workflow_id)
        assert workflow.status == "COMPLETED"
        assert tasks["a"].output_data == {"poll": 1}


def test_a_worker_of_a_domain_gets_that_domains_tasks_only(runner, workflows, a_workflow, ended):
    name = a_workflow("a")
    task_name = f"{name}_a"
    runner.start_worker(task_name, lambda task: {"domain": task.domain}, domain="blue")
    runner.start_worker(task_name, lambda task: {"domain": task.domain})
    blue = workflows.start_workflow(name, task_to_domain={task_name: "blue"})
    none = workflows.start_workflow(name)
    assert ended(blue)[1]["a"].output_data == {"domain": "blue"}
    assert ended(none)[1]["a"].output_data == {"domain": None}
    assert runner.get_batch_size_for_all() == {(task_name, "blue"): 1, (task_name, None): 1}


def test_batch_size_zero_stops_polling_and_a_later_one_starts_it_again(runner, tasks, workflows, a_workflow, ended):
    name = a_workflow("a")
    task_name = f"{name}_a"
    runner.start_worker(task_name, lambda task: {}, batch_size=5)
    for workflow_id in [workflows.start_workflow(name) for _ in range(10)]:
        assert ended(workflow_id)[0].status == "COMPLETED"
    runner.set_batch_size(task_name, 0)
    assert runner.get_batch_size_for_task(task_name) == 0
    last_poll = eventually(lambda: _is_quiet(tasks, task_name))
    waiting = [workflows.start_workflow(name) for _ in range(10)]
    assert tasks.poll_data(task_name)[0].last_poll_time == last_poll
    runner.set_batch_size(task_name, 8)
    for workflow_id in waiting:
        assert ended(workflow_id)[0].status == "COMPLETED"


def _is_quiet(tasks, task_name):
    """The time of the last poll, once a whole idle long poll has passed without another."""
    before = tasks.poll_data(task_name)[0].last_poll_time
    time.sleep(1.2)
    return before if tasks.poll_data(task_name)[0].last_poll_time == before else None


def test_two_hundred_workflows_of_two_tasks_complete_with_each_task_executed_once(runner, workflows, a_workflow, ended):
    executed = []
    name = a_workflow("a", "b")
    runner.start_worker(f"{name}_a", lambda task: executed.append(task.task_id), batch_size=10)
    runner.start_worker(f"{name}_b", lambda task: executed.append(task.task_id), batch_size=10)
    ids = [workflows.start_workflow(name) for _ in range(200)]
    for workflow_id in ids:
        workflow, _ = ended(workflow_id)
        assert (workflow.status, workflow.reason_for_incompletion) == ("COMPLETED", None)
    assert len(executed) == len(set(executed)) == 400
