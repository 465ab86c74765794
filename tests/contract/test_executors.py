"""The executors' calls on a real server."""

import json
import threading
import time

import pytest
from contract.rows import row

from conductor import (
    ApiError,
    ConflictError,
    NotFoundError,
    ServerError,
    TaskDef,
    TaskResult,
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


def test_a_task_updated_with_a_task_result_carries_all_that_it_holds(tasks, workflows, a_workflow):
    workflow_id = workflows.start_workflow(a_workflow("a"))
    task_id = workflows.get_workflow(workflow_id).tasks[0].task_id
    result = TaskResult("", "", output_data={"half": True}, reason_for_incompletion="later", callback_after_seconds=7)
    result.add_log("half done")
    tasks.update_task(task_id, workflow_id, TaskResultStatus.IN_PROGRESS, result)
    task = tasks.get_task(task_id)
    assert (task.status, task.output_data) == ("SCHEDULED", {"half": True})
    assert (task.reason_for_incompletion, task.callback_after_seconds) == ("later", 7)
    assert [entry.log for entry in eventually(lambda: tasks.get_logs(task_id))] == ["half done"]


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
    assert tasks.queue_sizes(task_name) == {task_name: 3}
    assert tasks.queue_sizes(task_name, f"{name}_unknown", f"blue:{task_name}") == {
        task_name: 3,
        f"{name}_unknown": 0,
        f"blue:{task_name}": 0,
    }
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


WIRE_TASK = {"type": "SIMPLE", "inputParameters": {"a": None, "b": 1.5}}


@row("1.2-2")
def test_definitions_are_registered_as_json(tasks, workflows, name, tmp_path):
    def wire(**members):
        task = {"name": name, "taskReferenceName": "a", **WIRE_TASK}
        return {"name": name, "ownerEmail": "team@example.com", "tasks": [task], **members}

    file = tmp_path / "definitions.json"
    file.write_text(json.dumps([wire(version=2), wire(version=3, description=None, tags=[])]))
    workflows.register_workflow(wire(version=1), file, WorkflowDef.from_json(json.dumps(wire(version=4))))
    assert workflows.get_workflow_def(name).version == 4
    assert workflows.get_workflow_def(name, 2).tasks[0].input_parameters["b"] == 1.5
    with pytest.raises(NotFoundError):
        workflows.get_workflow_def(name, 9)

    def versions(**options):
        return sorted(each.version for each in workflows.get_workflow_defs(**options) if each.name == name)

    assert versions() == [1, 2, 3, 4]
    assert versions(latest_versions=True) == [4]
    workflows.delete_workflow_def(name, 4)
    assert versions(latest_versions=True) == [3]
    with pytest.raises(ServerError, match="No such workflow definition"):
        workflows.delete_workflow_def(name, 4)

    task_def = {"name": name, "ownerEmail": "team@example.com", "retryCount": 1, "responseTimeoutSeconds": 60}
    tasks.register_task_defs(json.dumps(task_def))
    tasks.update_task_def({**task_def, "retryCount": 2})
    assert tasks.get_task_def(name).retry_count == 2
    tasks.delete_task_def(name)


def test_an_idempotency_key_is_taken(workflows, a_workflow):
    """As Orkes servers heed it; 3.32.3 checks the strategy's name, and starts another workflow."""
    name = a_workflow("a")
    options = {"idempotency_key": name, "idempotency_strategy": "RETURN_EXISTING"}
    assert workflows.start_workflow(name, **options) != workflows.start_workflow(name, **options)
    assert workflows.execute_workflow(name, timeout=0.1, **options).status == "RUNNING"


def test_a_workflow_is_waited_for_until_a_task_has_ended(tasks, workflows, a_workflow):
    name = a_workflow("a", "b")
    found = []
    waiting = threading.Thread(
        target=lambda: found.append(
            workflows.execute_workflow(name, timeout=60, wait_until_task_ref="no_such_task, a", correlation_id=name)
        )
    )
    started = time.monotonic()
    waiting.start()
    (workflow,) = eventually(lambda: workflows.get_by_correlation_ids(name, name)[name])
    eventually(lambda: workflows.get_workflow(workflow.workflow_id).tasks)
    tasks.update_task_by_ref_name("a", workflow.workflow_id, TaskResultStatus.COMPLETED)
    waiting.join(60)
    assert time.monotonic() - started < 15  # of 60, of which the server is asked to wait 20
    (workflow,) = found
    assert workflow.status == "RUNNING"
    assert [task.status for task in workflow.tasks if task.reference_task_name == "a"] == ["COMPLETED"]


def test_workflows_are_found_by_correlation_id(workflows, a_workflow):
    name = a_workflow("a")
    first, ended, other = (workflows.start_workflow(name, correlation_id=f"{name}-{n}") for n in (1, 1, 2))
    workflows.terminate(ended)
    one, two, none = (f"{name}-{n}" for n in (1, 2, 3))

    def found(*correlation_ids, **options):
        by_id = workflows.get_by_correlation_ids(name, *correlation_ids, **options)
        return {each: {workflow.workflow_id for workflow in many} for each, many in by_id.items()}

    assert found(one, two, none) == {one: {first}, two: {other}, none: set()}
    assert found(one, include_closed=True) == {one: {first, ended}}
    assert workflows.get_by_correlation_ids(name, two)[two][0].tasks == []
    assert len(workflows.get_by_correlation_ids(name, two, include_tasks=True)[two][0].tasks) == 1
    assert workflows.get_by_correlation_ids("no_such_workflow", two) == {two: []}


def test_a_restart_takes_the_old_definition_or_the_latest(workflows, a_workflow):
    name = a_workflow("a")
    workflow_id = workflows.start_workflow(name)
    workflows.terminate(workflow_id)
    other = WorkflowTask(name=f"{name}_a", task_reference_name="other")
    workflows.register_workflow(WorkflowDef(name, [other], version=2, owner_email="team@example.com"))

    def first_ref(**options):
        workflows.restart(workflow_id, **options)
        workflow = workflows.get_workflow(workflow_id)
        workflows.terminate(workflow_id)
        return workflow.workflow_version, workflow.tasks[0].reference_task_name

    assert first_ref() == (1, "a")
    assert first_ref(use_latest_definitions=True) == (2, "other")
    for version in (1, 2):
        workflows.delete_workflow_def(name, version)
    with pytest.raises(NotFoundError, match="Unable to find latest definition"):
        workflows.restart(workflow_id, use_latest_definitions=True)


@pytest.mark.parametrize("resume", [True, False])
def test_a_retry_resumes_the_failed_sub_workflow_or_starts_another(tasks, workflows, a_workflow, name, ended, resume):
    child_name = a_workflow("a", "b")
    for outer, inner in ((f"{name}_parent", child_name), (f"{name}_grandparent", f"{name}_parent")):
        sub = {"name": "sub", "taskReferenceName": "sub", "type": "SUB_WORKFLOW", "subWorkflowParam": {"name": inner}}
        workflows.register_workflow({"name": outer, "ownerEmail": "team@example.com", "tasks": [sub]})
    workflow_id = workflows.start_workflow(f"{name}_grandparent")

    def child_of(workflow_id):
        last = eventually(lambda: workflows.get_workflow(workflow_id).tasks)[-1].task_id
        return eventually(lambda: tasks.get_task(last).sub_workflow_id)

    parent_id = child_of(workflow_id)
    child_id = child_of(parent_id)
    eventually(lambda: workflows.get_workflow(child_id).tasks)
    tasks.update_task_by_ref_name("a", child_id, TaskResultStatus.COMPLETED)
    tasks.update_task_by_ref_name("b", child_id, TaskResultStatus.FAILED)
    assert ended(workflow_id)[0].status == "FAILED"

    workflows.retry(workflow_id, resume_subworkflow_tasks=resume)
    if resume:
        assert (child_of(workflow_id), child_of(parent_id)) == (parent_id, child_id)
        tasks.update_task_by_ref_name("b", child_id, TaskResultStatus.COMPLETED)
        assert ended(workflow_id)[0].status == "COMPLETED"
        assert [task.reference_task_name for task in workflows.get_workflow(child_id).tasks] == ["a", "b", "b"]
    else:
        assert child_of(workflow_id) != parent_id
        assert workflows.get_workflow_status(child_id).status == "FAILED"


def test_a_skipped_task_is_passed_over(tasks, workflows, a_workflow, ended):
    workflow_id = workflows.start_workflow(a_workflow("a", "b"))
    workflows.skip_task(workflow_id, "b")
    tasks.update_task_by_ref_name("a", workflow_id, TaskResultStatus.COMPLETED)
    workflow, by_ref = ended(workflow_id)
    assert workflow.status == "COMPLETED"
    assert by_ref["b"].status == "SKIPPED"


def test_a_task_skipped_inside_a_loop_lets_the_loop_stand_still(tasks, workflows, name):
    a, b = (WorkflowTask(f"{name}_{ref}", ref) for ref in "ab")
    condition = "if ($.loop['iteration'] < 3) { true; } else { false; }"
    loop = WorkflowTask("loop", "loop", type="DO_WHILE", loop_condition=condition, loop_over=[a, b])
    workflows.register_workflow(WorkflowDef(name, [loop], owner_email="team@example.com"))
    workflow_id = workflows.start_workflow(name)
    workflows.skip_task(workflow_id, "b")
    with pytest.raises(ServerError, match="already been processed"):
        workflows.skip_task(workflow_id, "loop")
    tasks.update_task_by_ref_name("a__1", workflow_id, TaskResultStatus.COMPLETED)
    workflows.decide(workflow_id)
    workflow = workflows.get_workflow(workflow_id)
    assert [(task.reference_task_name, task.status) for task in workflow.tasks] == [
        ("b", "SKIPPED"),
        ("loop", "IN_PROGRESS"),
        ("a__1", "COMPLETED"),
    ]
    workflows.terminate(workflow_id)
    assert workflows.get_workflow_status(workflow_id).status == "TERMINATED"


def test_an_unreadable_request_is_a_server_error_as_conductor_answers_it(api_client):
    from conductor_client.api.task_resource import get_poll_data  # noqa: PLC0415 - the raw call

    with pytest.raises(ServerError):
        api_client.call(get_poll_data.sync, task_type=None)
