"""The operations one by one: paths, answers and failures; and over real HTTP, that nothing is ever sent twice."""

import socket

import msgspec
import pytest
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

from support.exchanges import PlainExchange
from support.stub import Answer, Stub

RESULT = TaskResult("t", "w", TaskResultStatus.COMPLETED, {"a": 1})


@pytest.mark.parametrize(
    ("name", "segment"),
    [("a/b", "a%2Fb"), ("a b?c#d", "a%20b%3Fc%23d"), ("ü%", "%C3%BC%25"), ("x:y@z;1", "x%3Ay%40z%3B1")],
)
def test_a_path_value_stays_one_segment(client, exchange, name, segment):
    exchange.will_answer(b"[]")
    batch_poll_tasks.sync(client, name)
    assert exchange.call.target == f"/tasks/poll/batch/{segment}"


def test_an_enum_goes_out_as_its_value(client, exchange):
    exchange.will_answer(b"t", content_type="text/plain")
    update_task_by_ref_name.sync(client, "w", "ref", TaskResultStatus.FAILED_WITH_TERMINAL_ERROR, {})
    assert exchange.call.path == "/tasks/w/ref/FAILED_WITH_TERMINAL_ERROR"
    exchange.will_answer(b"{}")
    strategy = WorkflowReturnStrategy("NEW")
    execute_workflow.sync(client, "wf", 1, StartWorkflowRequest("wf"), request_id="a&b=c ü", return_strategy=strategy)
    assert exchange.call.query == {"requestId": ["a&b=c ü"], "returnStrategy": ["NEW"]}


def test_what_is_polled_is_asked_for_by_name(client, exchange):
    exchange.will_answer(b"[]")
    batch_poll_tasks.sync(client, "type", workerid="me", count=2, timeout=100)
    assert exchange.call.query == {"workerid": ["me"], "count": ["2"], "timeout": ["100"]}
    assert exchange.call.body is None


def test_update_v2_gives_the_next_task(client, exchange):
    exchange.will_answer(b'{"taskId":"2"}')
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
def test_a_json_answer_is_typed(client, exchange, body, call, answer):
    exchange.will_answer(body)
    assert call(client) == answer


def test_a_text_answer_is_text(client, exchange):
    for call in (
        lambda: requeue_pending_tasks.sync(client, "type"),
        lambda: start_workflow.sync(client, StartWorkflowRequest("wf")),
        lambda: update_task_by_ref_name.sync(client, "w", "ref", TaskResultStatus.COMPLETED, {}),
    ):
        exchange.will_answer(b"4", content_type="text/plain;charset=UTF-8")
        assert call() == "4"


def test_an_operation_without_an_answer_gives_none(client, exchange):
    exchange.will_answer()
    assert register_task_defs.sync(client, [TaskDef("d")]) is None
    assert exchange.call.body == b'[{"name":"d"}]'
    exchange.will_answer()
    assert register_workflow_def.sync(client, WorkflowDef("wf", []), overwrite=True) is None
    assert exchange.call.query == {"overwrite": ["true"]}
    exchange.will_answer(status=204)
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
def test_a_login_page_is_no_success(client, exchange, call, content_type):
    exchange.will_answer(b"<html>Please sign in</html>", content_type=content_type)
    with pytest.raises(errors.UndecodableResponse, match="status 200, an HTML page") as caught:
        call(client)
    assert "sign in" not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [b"secret", b'{"name":"secret"', b'{"name":null}', b'"secret"', b"[" * 10**6],
    ids=["no JSON", "cut off", "null for the name", "text", "too deep"],
)
def test_an_answer_that_cannot_be_read_is_not_shown(client, exchange, body):
    exchange.will_answer(body)
    with pytest.raises(errors.UndecodableResponse) as caught:
        get_task_def.sync(client, "d")
    error = caught.value
    assert (error.method, error.template, error.status) == ("GET", "/metadata/taskdefs/{tasktype}", 200)
    assert isinstance(error.__cause__, msgspec.DecodeError | RecursionError)
    assert "secret" not in str(error)


@pytest.mark.parametrize("body", [b'{"message":null}', b"5"])
def test_a_poll_answer_that_is_no_list_raises(client, exchange, body):
    exchange.will_answer(body)
    with pytest.raises(errors.UndecodableResponse):
        batch_poll_tasks.sync(client, "type")


@pytest.fixture
def stub():
    with Stub() as running:
        yield running


def test_over_real_http_a_redirect_is_not_followed(stub):
    stub.answers["GET /tasks/t"].append(Answer(302, headers={"Location": f"{stub.url}/elsewhere"}))
    with pytest.raises(errors.UnexpectedStatus) as caught:
        get_task.sync(Client(PlainExchange(stub.url)), "t")
    assert caught.value.headers["location"].endswith("/elsewhere")
    assert len(stub.requests) == 1


@pytest.mark.parametrize("answer", [Answer(close=True), Answer(delay=0.4)], ids=["connection closed", "read timeout"])
def test_over_real_http_a_lost_answer_is_not_asked_for_again(stub, answer):
    stub.answers["GET /tasks/poll/batch/type"].append(answer)
    with pytest.raises(errors.NoAnswer) as caught:
        batch_poll_tasks.sync(Client(PlainExchange(stub.url, timeout=0.2)), "type")
    assert isinstance(caught.value.__cause__, OSError)
    assert len(stub.requests) == 1


def test_a_refused_connection_is_no_answer():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(errors.NoAnswer):
        get_task.sync(Client(PlainExchange(f"http://127.0.0.1:{port}/api")), "t")
