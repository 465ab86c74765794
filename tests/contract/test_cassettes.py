"""Recorded exchanges, replayed without a server. scripts/record_cassettes.sh records them anew from a real one.

Each scenario does the same calls in both modes; what it asserts was true on the server when it was recorded.
"""

import re
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
import yaml

from conductor import (
    ApiClient,
    ApiError,
    AuthenticationSettings,
    HttpSettings,
    NotFoundError,
    ServerError,
    TaskDef,
    TaskExecutor,
    TaskResultStatus,
    WorkflowDef,
    WorkflowExecutor,
    WorkflowTask,
)
from conductor._flag import Flag
from conductor.calling.execute import execute
from conductor.context import TaskContext, WorkerContext
from conductor.task_client import HttpTaskClient
from conductor.task_result import prepare_result
from support.cassettes import CASSETTES, REDACTED, SHOWN_HOST, recording, replaying
from support.stub import TOKEN, Answer, Stub
from support.waiting import eventually

OWNER = "team@example.com"
SECRETS = AuthenticationSettings("a-recorded-key-id", "a-recorded-key-secret")
TOKENS = ["a-recorded-token-1", "a-recorded-token-2"]


@pytest.fixture
def recording_url(request):
    """The API URL of the server to record from, None when replaying."""
    if request.config.getoption("--record-cassettes"):
        return request.getfixturevalue("real_server_url")
    return None


@pytest.fixture
def api_client(request, recording_url):
    """A client on the cassette that is named as the test is."""
    path = CASSETTES / f"{request.node.name.removeprefix('test_')}.yaml"
    cassette = recording(path, recording_url, "conductor-oss 3.32.3") if recording_url else replaying(path)
    with cassette as url, ApiClient(http_settings=HttpSettings(url)) as client:
        yield client


@pytest.fixture
def tasks(api_client):
    return TaskExecutor(api_client)


@pytest.fixture
def start(api_client, tasks):
    """Starts a workflow of one task, which has the workflow's name."""
    workflows = WorkflowExecutor(api_client)

    def start(name):
        tasks.register_task_defs(TaskDef(name=name, retry_count=0, owner_email=OWNER))
        step = WorkflowTask(name=name, task_reference_name="step", input_parameters={"n": "${workflow.input.n}"})
        workflows.register_workflow(WorkflowDef(name=name, owner_email=OWNER, tasks=[step]))
        workflow_id = workflows.start_workflow(name, {"n": 7})
        return workflow_id, workflows.get_workflow(workflow_id).tasks[0].task_id

    return start


def test_task_is_read_and_updated_by_id(tasks, start):
    workflow_id, task_id = start("cassette_by_id")
    task = tasks.get_task(task_id)
    assert (task.status, task.task_def_name, task.input_data) == ("SCHEDULED", "cassette_by_id", {"n": 7})
    assert tasks.update_task(task_id, workflow_id, TaskResultStatus.COMPLETED, {"by": "id"}) == task_id
    task = tasks.get_task(task_id)
    assert (task.status, task.output_data) == ("COMPLETED", {"by": "id"})


def test_task_is_updated_by_reference_name(tasks, start):
    workflow_id, task_id = start("cassette_by_ref")
    assert tasks.update_task_by_ref_name("step", workflow_id, TaskResultStatus.COMPLETED, ["x"]) == task_id
    assert tasks.get_task(task_id).output_data == {"result": ["x"]}
    with pytest.raises(NotFoundError, match="is pending"):
        tasks.update_task_by_ref_name("step", workflow_id, TaskResultStatus.COMPLETED)


def test_logs(tasks, start):
    _, task_id = start("cassette_logs")
    assert tasks.get_logs(task_id) == []
    tasks.add_log(task_id, 'as it "is", ä')
    assert [entry.log for entry in eventually(lambda: tasks.get_logs(task_id))] == ['as it "is", ä']


def test_queues(tasks, start):
    for _ in range(2):
        start("cassette_queues")
    assert tasks.queue_size("cassette_queues") == 2
    assert tasks.queue_sizes()["cassette_queues"] == 2
    assert {"size", "uacked"} <= tasks.queue_details()["cassette_queues"]["a"].keys()
    assert tasks.requeue("cassette_queues") == 2
    assert tasks.poll_data("cassette_queues") == []


def test_search(tasks, start):
    workflow_id, task_id = start("cassette_search")
    tasks.update_task(task_id, workflow_id, TaskResultStatus.COMPLETED)
    found = eventually(lambda: tasks.search("taskType=cassette_search").results)
    assert [(summary.task_id, summary.status) for summary in found] == [(task_id, "COMPLETED")]


def test_errors(tasks):
    with pytest.raises(NotFoundError, match="Task not found for taskId: nowhere"):
        tasks.get_task("nowhere")
    with pytest.raises(ApiError, match="Validation failed") as caught:
        tasks.register_task_defs(TaskDef(name="cassette_errors", timeout_seconds=120, owner_email=OWNER))
    assert (caught.value.status, type(caught.value)) == (400, ApiError)


def one_round(client, name, update):
    """Poll, execute and update on this thread. Returns what the update returned."""
    delivery = client.batch_poll(name, "worker-1", None, count=5, timeout=0.1)
    (task,) = delivery.tasks
    outcome = execute(lambda context: {"doubled": 2 * context.task.input_data["n"]}, _context(task))
    result = prepare_result(task, outcome, "worker-1").result
    return task, update(result, 30.0)


def _context(task):
    return TaskContext(task, Flag(), WorkerContext(Flag()))


def test_round_with_update(api_client, tasks, start):
    start("cassette_round_v1")
    client = HttpTaskClient(api_client)
    task, _ = one_round(client, "cassette_round_v1", client.update)
    assert tasks.get_task(task.task_id).output_data == {"doubled": 14}
    assert tasks.poll_data("cassette_round_v1")[0].worker_id == "worker-1"
    assert client.batch_poll("cassette_round_v1", "worker-1", None, count=5, timeout=0.1).tasks == []


def test_round_with_update_v2(api_client, tasks, start):
    for _ in range(2):
        start("cassette_round_v2")
    client = HttpTaskClient(api_client)
    client_polls_one = client.batch_poll("cassette_round_v2", "worker-1", None, count=1, timeout=0.1)
    (first,) = client_polls_one.tasks
    result = prepare_result(first, execute(lambda context: None, _context(first)), "worker-1").result
    (second,) = client.update_and_poll(result, 30.0).tasks
    assert second.task_id != first.task_id
    assert (second.status, second.worker_id, second.poll_count) == ("IN_PROGRESS", "worker-1", 1)
    result = prepare_result(second, execute(lambda context: None, _context(second)), "worker-1").result
    assert client.update_and_poll(result, 30.0).tasks == []
    for task in (first, second):
        assert tasks.get_task(task.task_id).status == "COMPLETED"


def exchange_tokens(url):
    """A token is fetched, used, refused and replaced."""
    with ApiClient(SECRETS, HttpSettings(url)) as client:
        return TaskExecutor(client).get_task("t")


def token_stand_in():
    """What Orkes' server does with tokens; the open-source server has none."""
    stub = Stub()
    stub.answers[TOKEN].extend(Answer(body={"token": token}) for token in TOKENS)
    expired = Answer(401, {"error": "EXPIRED_TOKEN", "message": f"Token {TOKENS[0]} expired"})
    stub.answers["GET /tasks/t"].extend([expired, Answer(body={"taskId": "t", "workflowInstanceId": "w"})])
    return stub


def test_token(recording_url):
    path = CASSETTES / "token.yaml"
    if recording_url:
        with token_stand_in() as stub, recording(path, stub.url, "a local stand-in for Orkes' token endpoint") as url:
            exchange_tokens(url)
    with replaying(path) as url:
        assert exchange_tokens(url).task_id == "t"
    requests = [each["request"] for each in yaml.safe_load(path.read_text())["interactions"]]
    assert [request["uri"].rsplit("/", 1)[1] for request in requests] == ["token", "t", "token", "t"]


def test_no_secret_reaches_a_cassette(tmp_path):
    path = tmp_path / "token.yaml"
    with token_stand_in() as stub:
        with recording(path, stub.url, "a local stand-in") as url:
            exchange_tokens(url)
        sent = [request.headers.get("x-authorization") for request in stub.requests]
    assert sent == [None, TOKENS[0], None, TOKENS[1]]  # they did go over the wire
    for file in (path, *CASSETTES.glob("*.yaml")):
        text = file.read_text()
        for secret in (SECRETS.key_id, SECRETS.key_secret, *TOKENS):
            assert secret not in text, f"{secret} in {file.name}"
        assert set(re.findall(r'(?:keySecret|keyId|"token)\\?":\s*\\?"([^"\\]*)', text)) <= {REDACTED}


def test_every_cassette_says_where_it_was_recorded():
    files = list(CASSETTES.glob("*.yaml"))
    assert len(files) == 9
    for file in files:
        expected = "a local stand-in for Orkes' token endpoint" if file.stem == "token" else "conductor-oss 3.32.3"
        assert yaml.safe_load(file.read_text())["recorded_from"] == expected


def test_a_call_that_was_not_recorded_fails_the_test_and_reaches_no_server():
    with (
        pytest.raises(AssertionError, match="not recorded in errors.yaml: .*/tasks/queue/all.* instead of .*/nowhere"),
        replaying(CASSETTES / "errors.yaml") as url,
        ApiClient(http_settings=HttpSettings(url)) as client,
        pytest.raises(ServerError),
    ):
        TaskExecutor(client).queue_sizes()


def test_a_recorded_call_that_is_not_made_fails_the_test():
    with (
        pytest.raises(AssertionError, match=r"requests of errors.yaml that were not sent: \['POST .*/taskdefs'\]"),
        replaying(CASSETTES / "errors.yaml") as url,
        ApiClient(http_settings=HttpSettings(url)) as client,
        pytest.raises(NotFoundError),
    ):
        TaskExecutor(client).get_task("nowhere")


@pytest.mark.parametrize("path", sorted(CASSETTES.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_recording_of_a_replay_is_the_same_cassette(tmp_path, path):
    """The same bytes: what is written is what was read."""
    recorded = yaml.safe_load(path.read_text())
    copy = tmp_path / path.name
    with replaying(path) as replayed, recording(copy, replayed, recorded["recorded_from"]) as url:
        parts = urlsplit(url)
        for interaction in recorded["interactions"]:
            request = interaction["request"]
            connection = HTTPConnection(parts.netloc, timeout=10)
            body = request["body"] and request["body"].encode()
            headers = {name: value for name, (value,) in request["headers"].items()}
            connection.request(request["method"], request["uri"].removeprefix(SHOWN_HOST), body, headers)
            connection.getresponse().read()
            connection.close()
    assert copy.read_text() == path.read_text()
