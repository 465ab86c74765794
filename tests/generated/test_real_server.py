"""The generated client alone against a real Conductor server."""

import time
import uuid

import msgspec
import pytest
from conductor_client import Client, errors
from conductor_client.api import (
    metadata_resource as metadata,
    task_resource as tasks,
    token_resource as tokens,
    version_resource as versions,
    workflow_resource as workflows,
)
from conductor_client.models import (
    GenerateTokenRequest,
    StartWorkflowRequest,
    Task,
    TaskDef,
    TaskResult,
    TaskResultStatus,
    TaskStatus,
    WorkflowDef,
    WorkflowStatus,
    WorkflowTask,
)
from conductor_client.decoding import Decoder

from support.exchanges import PlainExchange

pytestmark = pytest.mark.real_server


@pytest.fixture
def client(real_server_url):
    return Client(PlainExchange(real_server_url))


@pytest.fixture
def name(client):
    """A task definition and a workflow of two such tasks, a and b, both of this name."""
    name = f"generated-{uuid.uuid4()}"
    metadata.register_task_defs.sync(
        client, [TaskDef(name, owner_email="a@b.c", retry_count=0, response_timeout_seconds=60)]
    )
    steps = [WorkflowTask(name, reference, type="SIMPLE") for reference in ("a", "b")]
    metadata.register_workflow_def.sync(
        client, WorkflowDef(name, steps, owner_email="a@b.c", version=1, schema_version=2), overwrite=True
    )
    yield name
    metadata.delete_workflow_def.sync(client, name, 1)
    metadata.delete_task_def.sync(client, name)


def start(client, name):
    return workflows.start_workflow.sync(client, StartWorkflowRequest(name, input={"x": None}))


def poll(client, name):
    (raw,) = tasks.batch_poll_tasks.sync(client, name, workerid="me", count=1, timeout=2000)
    return Decoder(Task).decode(raw)


def eventually(probe):
    """What the probe gives as soon as it gives something: the index lags behind."""
    deadline = time.monotonic() + 10
    while not (found := probe()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def test_a_workflow_is_worked_from_its_start_to_its_end(client, name):
    workflow_id = start(client, name)
    assert tasks.get_queue_size.sync(client, task_type=name) == 1
    assert tasks.get_queue_sizes.sync(client)[name] == 1
    (shard,) = tasks.get_queue_details.sync(client)[name].values()
    assert shard["size"] == 1

    first = poll(client, name)
    assert (first.status, first.task_def_name, first.worker_id, first.poll_count) == (
        TaskStatus.IN_PROGRESS,
        name,
        "me",
        1,
    )
    result = TaskResult(first.task_id, workflow_id, TaskResultStatus.COMPLETED, {"n": 1}, worker_id="me")
    second = Decoder(Task).decode(tasks.update_task_v2.sync(client, result))
    assert (second.workflow_instance_id, second.reference_task_name) == (workflow_id, "b")

    result = TaskResult(second.task_id, workflow_id, TaskResultStatus.COMPLETED, {"n": 2}, worker_id="me")
    assert tasks.update_task.sync(client, result) == second.task_id
    assert tasks.update_task_v2.sync(client, result) is None
    assert tasks.batch_poll_tasks.sync(client, name, workerid="me", count=1, timeout=0) == []
    assert tasks.poll_task.sync(client, name, workerid="me") is None

    workflow = workflows.get_workflow.sync(client, workflow_id)
    assert (workflow.status, [task.output_data for task in workflow.tasks]) == (
        WorkflowStatus.COMPLETED,
        [{"n": 1}, {"n": 2}],
    )
    assert workflows.get_workflow_status.sync(client, workflow_id).status == WorkflowStatus.COMPLETED
    assert eventually(lambda: tasks.search_tasks.sync(client, query=f"taskType={name}").total_hits == 2)
    assert [each.worker_id for each in tasks.get_poll_data.sync(client, task_type=name)] == ["me"]


def test_every_member_of_a_task_that_the_server_sends_is_known(client, name):
    workflow_id = start(client, name)
    task_id = poll(client, name).task_id
    answer = client.request("GET", "", f"/tasks/{task_id}")
    sent = msgspec.json.decode(answer.content)
    known = {field.encode_name for field in msgspec.structs.fields(Task)}
    assert set(sent) <= known
    assert tasks.get_task.sync(client, task_id).input_data == {}
    workflows.terminate_workflow.sync(client, workflow_id, reason="test & done")
    assert workflows.get_workflow.sync(client, workflow_id).reason_for_incompletion == "test & done"


def test_a_log_is_stored_as_it_was_written(client, name):
    start(client, name)
    task_id = poll(client, name).task_id
    assert tasks.get_task_logs.sync(client, task_id) == []
    text = 'déjà "vu"\nline 2 {'
    tasks.add_task_log.sync(client, task_id, text)
    assert [log.log for log in eventually(lambda: tasks.get_task_logs.sync(client, task_id))] == [text]


def test_by_reference_name_pause_and_the_rest_of_the_lifecycle(client, name):
    workflow_id = start(client, name)
    workflows.pause_workflow.sync(client, workflow_id)
    assert workflows.get_workflow_status.sync(client, workflow_id).status == WorkflowStatus.PAUSED
    workflows.resume_workflow.sync(client, workflow_id)
    assert tasks.requeue_pending_tasks.sync(client, name) == "1"
    completed = TaskResultStatus.COMPLETED
    assert tasks.update_task_by_ref_name.sync(client, workflow_id, "a", completed, {"a": 1})
    assert tasks.update_task_by_ref_name.sync(client, workflow_id, "no such", completed, {}) == ""
    ended = tasks.update_task_by_ref_name_sync.sync(client, workflow_id, "b", completed, {})
    assert ended.workflow_id == workflow_id
    workflows.restart_workflow.sync(client, workflow_id)
    workflows.decide_workflow.sync(client, workflow_id)
    workflows.terminate_workflow.sync(client, workflow_id)
    workflows.remove_workflow.sync(client, workflow_id, archive_workflow=False)


@pytest.mark.parametrize(
    "call",
    [
        lambda client: tasks.get_task.sync(client, "no such"),
        lambda client: workflows.get_workflow.sync(client, "no such"),
        lambda client: workflows.start_workflow.sync(client, StartWorkflowRequest("no such")),
        lambda client: metadata.get_task_def.sync(client, "no such"),
        lambda client: tasks.update_task.sync(client, TaskResult("no", "such", TaskResultStatus.COMPLETED)),
        lambda client: tasks.update_task_v2.sync(client, TaskResult("no", "such", TaskResultStatus.COMPLETED)),
        lambda client: tokens.generate_token.sync(client, GenerateTokenRequest("a", "b")),
    ],
    ids=["task", "workflow", "start", "task definition", "update", "update-v2", "token"],
)
def test_what_does_not_exist_is_a_404(client, call):
    with pytest.raises(errors.UnexpectedStatus) as caught:
        call(client)
    assert caught.value.status == 404
    assert msgspec.json.decode(caught.value.content)["status"] == 404


def test_the_server_tells_its_version(client):
    assert versions.get_version.sync(client).startswith("3.")
