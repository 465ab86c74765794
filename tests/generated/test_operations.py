"""The operations one by one: paths, answers and failures; and over real HTTP, that nothing is ever sent twice."""

import socket

import msgspec
import pytest
import urllib3
from conductor_client import Client, errors
from conductor_client.api.metadata_resource import get_task_def, register_task_defs, register_workflow_def
from conductor_client.api.task_resource import (
    add_task_log,
    batch_poll_tasks,
    get_queue_details,
    get_queue_size,
    get_queue_sizes,
    get_task,
    get_task_logs,
    requeue_pending_tasks,
    update_task,
    update_task_by_ref_name,
    update_task_v2,
)
from conductor_client.api.token_resource import generate_token
from conductor_client.api.workflow_resource import execute_workflow, retry_workflow, start_workflow
from conductor_client.models import (
    GenerateTokenRequest,
    GenerateTokenResponse,
    StartWorkflowRequest,
    Task,
    TaskDef,
    TaskExecLog,
    TaskResult,
    TaskResultStatus,
    WorkflowDef,
    WorkflowReturnStrategy,
)

from support.stub import Answer, Stub

RESULT = TaskResult("t", "w", TaskResultStatus.COMPLETED, {"a": 1})


@pytest.mark.parametrize(
    ("name", "segment"),
    [("a/b", "a%2Fb"), ("a b?c#d", "a%20b%3Fc%23d"), ("ü%", "%C3%BC%25"), ("x:y@z;1", "x%3Ay%40z%3B1")],
)
def test_a_path_value_stays_one_segment(client, pool, name, segment):
    pool.will_answer(b"[]")
    batch_poll_tasks.sync(client, name)
    assert pool.call.url == f"http://conductor.test/api/tasks/poll/batch/{segment}"


def test_an_enum_goes_out_as_its_value(client, pool):
    pool.will_answer(b"t", content_type="text/plain")
    update_task_by_ref_name.sync(client, "w", "ref", TaskResultStatus.FAILED_WITH_TERMINAL_ERROR, {})
    assert pool.call.path == "/api/tasks/w/ref/FAILED_WITH_TERMINAL_ERROR"
    pool.will_answer(b"{}")
    strategy = WorkflowReturnStrategy("NEW")
    execute_workflow.sync(client, "wf", 1, StartWorkflowRequest("wf"), request_id="a&b=c ü", return_strategy=strategy)
    assert pool.calls[1].query == {"requestId": ["a&b=c ü"], "returnStrategy": ["NEW"]}


def test_what_is_polled_is_asked_for_by_name(client, pool):
    pool.will_answer(b"[]")
    batch_poll_tasks.sync(client, "type", workerid="me", count=2, timeout=100)
    assert pool.call.query == {"workerid": ["me"], "count": ["2"], "timeout": ["100"]}
    assert "Content-Type" not in pool.call.options["headers"]


def test_update_v2_gives_the_next_task(client, pool):
    pool.will_answer(b'{"taskId":"2"}')
    assert bytes(update_task_v2.sync(client, RESULT)) == b'{"taskId":"2"}'


@pytest.mark.parametrize(
    ("body", "call", "answer"),
    [
        (
            b'{"taskId":"t","workflowInstanceId":"w","taskDefinition":null}',
            lambda client: get_task.sync(client, "t"),
            Task("t", "w"),
        ),
        (b"7", lambda client: get_queue_size.sync(client, task_type="type"), 7),
        (b'{"type":3}', get_queue_sizes.sync, {"type": 3}),
        (b'{"type":{"c":{"size":3,"uacked":1}}}', get_queue_details.sync, {"type": {"c": {"size": 3, "uacked": 1}}}),
        (
            b'[{"log":null,"taskId":"t","createdTime":1}]',
            lambda client: get_task_logs.sync(client, "t"),
            [TaskExecLog(None, "t", created_time=1)],
        ),
        (
            b'{"token":"T","userId":null}',
            lambda client: generate_token.sync(client, GenerateTokenRequest("id", "secret")),
            GenerateTokenResponse("T"),
        ),
    ],
    ids=["task", "number", "map", "map of maps", "list", "token"],
)
def test_a_json_answer_is_typed(client, pool, body, call, answer):
    pool.will_answer(body)
    assert call(client) == answer


def test_a_text_answer_is_text(client, pool):
    for call in (
        lambda: requeue_pending_tasks.sync(client, "type"),
        lambda: start_workflow.sync(client, StartWorkflowRequest("wf")),
        lambda: update_task_by_ref_name.sync(client, "w", "ref", TaskResultStatus.COMPLETED, {}),
    ):
        pool.will_answer(b"4", content_type="text/plain;charset=UTF-8")
        assert call() == "4"


def test_an_operation_without_an_answer_gives_none(client, pool):
    pool.will_answer()
    assert register_task_defs.sync(client, [TaskDef("d")]) is None
    assert pool.call.options["body"] == b'[{"name":"d"}]'
    pool.will_answer()
    assert register_workflow_def.sync(client, WorkflowDef("wf", []), overwrite=True) is None
    assert pool.calls[1].query == {"overwrite": ["true"]}
    pool.will_answer(status=204)
    assert retry_workflow.sync(client, "w") is None


@pytest.mark.parametrize("content_type", ["text/html", "text/html; charset=utf-8", "Text/HTML"])
@pytest.mark.parametrize(
    "call",
    [
        lambda client: update_task.sync(client, RESULT),
        lambda client: batch_poll_tasks.sync(client, "type"),
        lambda client: add_task_log.sync(client, "t", "text"),
    ],
    ids=["text", "json", "void"],
)
def test_a_login_page_is_no_success(client, pool, call, content_type):
    pool.will_answer(b"<html>Please sign in</html>", content_type=content_type)
    with pytest.raises(errors.UndecodableResponse, match="status 200, an HTML page") as caught:
        call(client)
    assert "sign in" not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [b"secret", b'{"name":"secret"', b'{"name":null}', b'"secret"', b"[" * 10**6],
    ids=["no JSON", "cut off", "null for the name", "text", "too deep"],
)
def test_an_answer_that_cannot_be_read_is_not_shown(client, pool, body):
    pool.will_answer(body)
    with pytest.raises(errors.UndecodableResponse) as caught:
        get_task_def.sync(client, "d")
    error = caught.value
    assert (error.method, error.template, error.status) == ("GET", "/metadata/taskdefs/{tasktype}", 200)
    assert isinstance(error.__cause__, msgspec.DecodeError | RecursionError)
    assert "secret" not in str(error)


@pytest.mark.parametrize("body", [b'{"message":null}', b"5"])
def test_a_poll_answer_that_is_no_list_raises(client, pool, body):
    pool.will_answer(body)
    with pytest.raises(errors.UndecodableResponse):
        batch_poll_tasks.sync(client, "type")


@pytest.fixture
def stub():
    with Stub() as running:
        yield running


@pytest.fixture
def real_pool():
    with urllib3.PoolManager() as pool:
        yield pool


def test_over_real_http_a_connection_is_used_again(stub, real_pool):
    for _ in range(3):
        batch_poll_tasks.sync(Client(stub.url, real_pool), "type", count=1, timeout=0)
    assert real_pool.connection_from_url(stub.url).num_connections == 1


def test_over_real_http_a_redirect_is_not_followed(stub, real_pool):
    stub.answers["GET /tasks/t"].append(Answer(302, headers={"Location": f"{stub.url}/elsewhere"}))
    with pytest.raises(errors.UnexpectedStatus) as caught:
        get_task.sync(Client(stub.url, real_pool), "t")
    assert caught.value.headers["location"].endswith("/elsewhere")
    assert len(stub.requests) == 1


@pytest.mark.parametrize("answer", [Answer(close=True), Answer(delay=0.05)], ids=["connection closed", "read timeout"])
def test_over_real_http_a_lost_answer_is_not_asked_for_again(stub, real_pool, answer):
    stub.answers["GET /tasks/poll/batch/type"].append(answer)
    with pytest.raises(errors.NoAnswer) as caught:
        batch_poll_tasks.sync(Client(stub.url, real_pool, timeout=0.02), "type")
    assert isinstance(caught.value.__cause__, urllib3.exceptions.HTTPError)
    # counted where they are sent: when the client gives up, the stub may not have read the first one yet
    assert real_pool.connection_from_url(stub.url).num_requests == 1


def test_a_refused_connection_is_no_answer(real_pool):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(errors.NoAnswer):
        get_task.sync(Client(f"http://127.0.0.1:{port}/api", real_pool), "t")
