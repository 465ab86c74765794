"""The executors' calls on a real server."""

import pytest
from contract.rows import row

from conductor import (
    ApiError,
    ConflictError,
    NotFoundError,
    ServerError,
    TaskDef,
    TaskResultStatus,
    WorkflowDef,
    WorkflowTask,
)
from support.waiting import eventually


def test_an_unknown_task_is_not_found(tasks):
    with pytest.raises(NotFoundError) as caught:
        tasks.get_task("no-such-task")
    error = caught.value
    assert (error.status, error.method, error.path_template) == (404, "GET", "/tasks/{task_id}")
    assert error.message == "Task not found for taskId: no-such-task"
    assert error.conductor
    assert not error.retryable
    with pytest.raises(NotFoundError, match="No such"):
        tasks.update_task("no-such-task", "no-such-workflow", TaskResultStatus.COMPLETED)


def test_a_bad_definition_is_an_api_error_with_the_servers_reasons(tasks, name):
    with pytest.raises(ApiError) as caught:
        tasks.register_task_defs(TaskDef(name=name, timeout_seconds=120, owner_email="team@example.com"))
    assert caught.value.status == 400
    assert type(caught.value) is ApiError
    assert "responseTimeoutSeconds" in str(caught.value.validation_errors)


@row("1.2-1")
def test_definitions_come_and_go(tasks, name):
    tasks.register_task_defs(TaskDef(name=name, retry_count=0, owner_email="team@example.com"))
    assert tasks.get_task_def(name).retry_count == 0
    assert name in [task_def.name for task_def in tasks.get_task_defs()]
    tasks.update_task_def(TaskDef(name=name, retry_count=5, owner_email="team@example.com"))
    assert tasks.get_task_def(name).retry_count == 5
    tasks.delete_task_def(name)
    with pytest.raises(NotFoundError):
        tasks.get_task_def(name)


def test_a_task_updated_by_id_carries_reason_and_callback(tasks, workflows, a_workflow):
    workflow_id = workflows.start_workflow(a_workflow("a"))
    task_id = workflows.get_workflow(workflow_id).tasks[0].task_id
    answer = tasks.update_task(
        task_id,
        workflow_id,
        TaskResultStatus.IN_PROGRESS,
        {"half": True},
        reason_for_incompletion="later",
        callback_after_seconds=1.2,
    )
    assert answer == task_id
    task = tasks.get_task(task_id)
    assert task.status == "SCHEDULED"
    assert task.output_data == {"half": True}
    assert task.reason_for_incompletion == "later"
    assert task.callback_after_seconds == 2


def test_a_plain_string_is_a_status_and_another_one_a_clear_error(tasks, workflows, a_workflow, ended):
    workflow_id = workflows.start_workflow(a_workflow("a"))
    with pytest.raises(ValueError, match="status must be one of .* not 'DONE'"):
        tasks.update_task_by_ref_name("a", workflow_id, "DONE")
    tasks.update_task_by_ref_name("a", workflow_id, "COMPLETED", 5)
    assert ended(workflow_id)[1]["a"].output_data == {"result": 5}


def test_a_synchronous_update_answers_with_the_workflow_after_it(tasks, workflows, a_workflow):
    workflow_id = workflows.start_workflow(a_workflow("a", "b"))
    workflow = tasks.update_task_by_ref_name_sync("a", workflow_id, TaskResultStatus.COMPLETED, {"x": 1})
    assert [task.reference_task_name for task in workflow.tasks] == ["a", "b"]
    with pytest.raises(NotFoundError, match="Found no running task"):
        tasks.update_task_by_ref_name_sync("a", workflow_id, TaskResultStatus.COMPLETED)


def test_a_signal_completes_the_wait_task_at_which_a_workflow_is_blocked(tasks, workflows, name, ended):
    workflows.register_workflow(
        WorkflowDef(
            name=name,
            owner_email="team@example.com",
            tasks=[WorkflowTask(name="wait", task_reference_name="wait", type="WAIT")],
        )
    )
    workflow_id = workflows.start_workflow(name)
    eventually(lambda: workflows.get_workflow(workflow_id).tasks[0].status == "IN_PROGRESS")
    tasks.signal(workflow_id, TaskResultStatus.COMPLETED, {"go": True})
    workflow, by_ref = ended(workflow_id)
    assert workflow.status == "COMPLETED"
    assert by_ref["wait"].output_data["go"] is True


def test_logs_are_stored_as_they_were_written(tasks, workflows, a_workflow):
    task_id = workflows.get_workflow(workflows.start_workflow(a_workflow("a"))).tasks[0].task_id
    assert tasks.get_logs(task_id) == []
    tasks.add_log(task_id, 'half done: "ä" 50 %')
    (entry,) = eventually(lambda: tasks.get_logs(task_id))
    assert entry.log == 'half done: "ä" 50 %'
    assert entry.task_id == task_id


def test_queues_show_what_waits_and_who_polled(tasks, workflows, a_workflow, runner, ended):
    name = a_workflow("a")
    task_name = f"{name}_a"
    ids = [workflows.start_workflow(name) for _ in range(3)]
    assert tasks.queue_size(task_name) == 3
    assert tasks.queue_size(task_name, domain="other") == 0
    assert tasks.queue_sizes()[task_name] == 3
    assert sum(shard["size"] for shard in tasks.queue_details()[task_name].values()) == 3
    assert tasks.poll_data(task_name) == []
    assert tasks.requeue(task_name) == 3
    runner.start_worker(task_name, lambda task: None)
    for workflow_id in ids:
        ended(workflow_id)
    (poll_data,) = tasks.poll_data(task_name)
    assert poll_data.queue_name == task_name
    assert poll_data.last_poll_time > 0
    assert poll_data in tasks.poll_data()


def test_ended_tasks_and_workflows_are_found_by_search(tasks, workflows, a_workflow, ended):
    name = a_workflow("a")
    workflow_id = workflows.start_workflow(name)
    tasks.update_task_by_ref_name("a", workflow_id, TaskResultStatus.COMPLETED)
    ended(workflow_id)
    found = eventually(lambda: tasks.search(f"taskType={name}_a", sort="startTime:DESC", size=5).results)
    assert [summary.workflow_id for summary in found] == [workflow_id]
    found = eventually(lambda: workflows.search(f"workflowType={name}", size=5).results)
    assert [summary.workflow_id for summary in found] == [workflow_id]


def test_the_default_external_storage_has_a_path_and_no_uri(tasks):
    location = tasks.external_storage_location("some/path", "READ", "TASK_OUTPUT")
    assert location.path
    assert location.uri is None


def test_an_unknown_workflow_cannot_be_started(workflows, name):
    with pytest.raises(NotFoundError, match="No such workflow defined"):
        workflows.start_workflow(name)
    with pytest.raises(NotFoundError):
        workflows.get_workflow(name)


@row("1.2-2")
def test_a_second_registration_without_overwrite_is_a_conflict(workflows, a_workflow):
    name = a_workflow("a")
    workflow_def = WorkflowDef(
        name=name, owner_email="team@example.com", tasks=[WorkflowTask(name="a", task_reference_name="a")]
    )
    with pytest.raises(ConflictError):
        workflows.register_workflow(workflow_def, overwrite=False)


def test_a_workflow_that_the_server_refuses_is_an_api_error(workflows, name):
    twice = [WorkflowTask(name="a", task_reference_name="same")] * 2
    with pytest.raises(ApiError, match="same"):
        workflows.register_workflow(WorkflowDef(name=name, owner_email="team@example.com", tasks=twice))


@row("1.2-3")
def test_workflows_are_paused_resumed_terminated_restarted_and_retried(tasks, workflows, a_workflow):
    name = a_workflow("a", "b")
    workflow_id = workflows.start_workflow(name, {"x": 1}, correlation_id="c-1", priority=7)
    assert workflows.get_workflow(workflow_id).input == {"x": 1}
    workflows.pause(workflow_id)
    assert workflows.get_workflow_status(workflow_id).status == "PAUSED"
    workflows.resume(workflow_id)
    workflows.decide(workflow_id)
    assert workflows.get_workflow_status(workflow_id).status == "RUNNING"
    tasks.update_task_by_ref_name("a", workflow_id, TaskResultStatus.FAILED)
    assert workflows.get_workflow_status(workflow_id).status == "FAILED"
    workflows.retry(workflow_id)
    assert workflows.get_workflow_status(workflow_id).status == "RUNNING"
    workflows.terminate(workflow_id, reason="enough")
    workflow = workflows.get_workflow(workflow_id, include_tasks=False)
    assert (workflow.status, workflow.reason_for_incompletion) == ("TERMINATED", "enough")
    assert workflow.tasks == []
    assert (workflow.correlation_id, workflow.priority) == ("c-1", 7)
    workflows.restart(workflow_id)
    assert workflows.get_workflow_status(workflow_id).status == "RUNNING"
    with pytest.raises(ConflictError):
        workflows.restart(workflow_id)


def test_a_skipped_task_is_passed_over(tasks, workflows, a_workflow, ended):
    workflow_id = workflows.start_workflow(a_workflow("a", "b"))
    workflows.skip_task(workflow_id, "b")
    tasks.update_task_by_ref_name("a", workflow_id, TaskResultStatus.COMPLETED)
    workflow, by_ref = ended(workflow_id)
    assert workflow.status == "COMPLETED"
    assert by_ref["b"].status == "SKIPPED"


def test_an_unreadable_request_is_a_server_error_as_conductor_answers_it(api_client):
    from conductor_client.api.task_resource import get_poll_data  # noqa: PLC0415 - the raw call

    with pytest.raises(ServerError):
        api_client.call(get_poll_data.sync, task_type=None)
