"""ApiClient over real HTTP: the token, and the errors."""

import json
import logging
import pickle
import socket
import threading
import time
from email.utils import formatdate
from urllib.parse import quote

import pytest

from conductor import (
    ApiClient,
    ApiError,
    AuthenticationError,
    AuthenticationSettings,
    ConfigurationError,
    ConflictError,
    DecodeError,
    HttpSettings,
    NotFoundError,
    RateLimitedError,
    ServerError,
    Task,
    TaskDef,
    TaskExecutor,
    TaskRunner,
    TransportError,
    WorkflowExecutor,
)
from conductor.task_client import HttpTaskClient
from support.stub import POLL, TOKEN, UPDATE, UPDATE_V2, Answer, error
from support.waiting import eventually

KEY = AuthenticationSettings("the-key", "the-secret")
GET_TASK = "GET /tasks/t"
TASK = Answer(body={"taskId": "t", "workflowInstanceId": "w"})


def token(value):
    return Answer(body={"token": value})


@pytest.fixture
def with_key(stub):
    with ApiClient(KEY, HttpSettings(stub.url)) as client:
        yield TaskExecutor(client)


def test_without_a_key_no_token_is_asked_for_or_sent(stub, api_client):
    stub.answers[GET_TASK].append(TASK)
    TaskExecutor(api_client).get_task("t")
    assert stub.of(TOKEN) == []
    assert "x-authorization" not in stub.of(GET_TASK)[0].headers


def test_a_key_is_exchanged_for_a_token_that_goes_out_with_every_call(stub, with_key):
    stub.answers[TOKEN].append(token("abc"))
    stub.answers[GET_TASK].extend([TASK, TASK])
    with_key.get_task("t")
    with_key.get_task("t")
    assert [request.json() for request in stub.of(TOKEN)] == [{"keyId": "the-key", "keySecret": "the-secret"}]
    assert "x-authorization" not in stub.of(TOKEN)[0].headers
    assert [request.headers["x-authorization"] for request in stub.of(GET_TASK)] == ["abc", "abc"]


def test_a_refused_token_is_renewed_and_the_call_sent_once_more(stub, with_key):
    stub.answers[TOKEN].extend([token("old"), token("new")])
    stub.answers[GET_TASK].extend([Answer(401, {"error": "EXPIRED_TOKEN", "message": "expired"}), TASK])
    assert with_key.get_task("t").task_id == "t"
    assert [request.headers["x-authorization"] for request in stub.of(GET_TASK)] == ["old", "new"]


@pytest.mark.parametrize("code", ["EXPIRED_TOKEN", "INVALID_TOKEN"])
@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_the_server_calls_ended_is_renewed_with_either_status(stub, with_key, status, code):
    stub.answers[TOKEN].extend([token("old"), token("new"), token("newest")])
    refused = Answer(status, {"error": code, "message": "no"})
    stub.answers[GET_TASK].extend([refused, TASK, refused, refused])
    assert with_key.get_task("t").task_id == "t"
    assert [request.headers["x-authorization"] for request in stub.of(GET_TASK)] == ["old", "new"]
    with pytest.raises(AuthenticationError) as caught:
        with_key.get_task("t")
    assert (caught.value.status, caught.value.error_code, caught.value.message) == (status, code, "no")
    assert [request.headers["x-authorization"] for request in stub.of(GET_TASK)[2:]] == ["new", "newest"]


REFUSALS = [
    {"error": "FORBIDDEN"},
    {"error": "expired_token"},
    {"message": "EXPIRED_TOKEN"},
    {"error": ["EXPIRED_TOKEN"]},
]


@pytest.mark.parametrize("body", [*REFUSALS, "EXPIRED_TOKEN", ""])
def test_any_other_403_renews_nothing(stub, with_key, body):
    stub.answers[TOKEN].append(token("abc"))
    stub.answers[GET_TASK].append(Answer(403, body))
    with pytest.raises(AuthenticationError):
        with_key.get_task("t")
    assert (len(stub.of(TOKEN)), len(stub.of(GET_TASK))) == (1, 1)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"error": "EXPIRED_TOKEN", "message": "m"}, "EXPIRED_TOKEN"),
        ({"message": "m"}, ""),
        ({"error": None, "message": "m"}, ""),
        ("<html>", ""),
        ({"error": "of the-secret\n" + "x" * 1_000}, "of *** " + "x" * 193),
    ],
)
def test_an_error_carries_the_bodys_code(stub, with_key, body, code):
    stub.answers[TOKEN].append(token("abc"))
    stub.answers[GET_TASK].append(Answer(400, body))
    with pytest.raises(ApiError) as caught:
        with_key.get_task("t")
    assert caught.value.error_code == code


def test_a_second_refusal_in_a_row_is_the_callers(stub, with_key):
    stub.answers[TOKEN].extend([token("old"), token("new")])
    stub.answers[GET_TASK].extend([error(401, "no"), error(401, "no")])
    with pytest.raises(AuthenticationError, match="GET /tasks/t answered 401: no"):
        with_key.get_task("t")
    assert len(stub.of(TOKEN)) == 2


def test_a_missing_permission_renews_nothing(stub, with_key):
    stub.answers[TOKEN].append(token("abc"))
    stub.answers[GET_TASK].append(error(403, "not yours"))
    with pytest.raises(AuthenticationError, match="403: not yours"):
        with_key.get_task("t")
    assert len(stub.of(TOKEN)) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ApiError),
        (401, AuthenticationError),
        (403, AuthenticationError),
        (404, NotFoundError),
        (405, ApiError),
        (409, ConflictError),
        (413, ApiError),
        (429, RateLimitedError),
        (500, ServerError),
        (503, ServerError),
        (599, ServerError),
        (302, ApiError),
    ],
)
def test_every_error_status_has_its_class(stub, api_client, status, kind):
    stub.answers[GET_TASK].append(error(status, "the message", retryable=True))
    with pytest.raises(ApiError) as caught:
        TaskExecutor(api_client).get_task("t")
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.message, caught.value.retryable) == (status, "the message", True)
    assert str(caught.value).startswith(f"GET /tasks/t answered {status}: the message")
    assert (caught.value.method, caught.value.path_template, caught.value.path) == (
        "GET",
        "/tasks/{task_id}",
        "/tasks/t",
    )


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("3600000", 3_600_000.0),
        ("9" * 400, 1e9),
        ("-1", None),
        ("1.5", None),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("\xb2", None),
        ("1, 2", None),
        ("Fri, 31 Feb 2025 00:00:00 GMT", None),
        ("Fri, 01 Aug 2025 00:00:00 GMT", 0.0),
        ("Fri, 01 Aug 2025 00:00:00 -0000", 0.0),
    ],
)
def test_an_error_says_how_long_the_server_asks_to_wait(stub, api_client, value, seconds):
    stub.answers[GET_TASK].append(Answer(503, headers={"Retry-After": value}))
    with pytest.raises(ServerError) as caught:
        TaskExecutor(api_client).get_task("t")
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize("zone", ["GMT", "-0000"])
def test_a_date_to_wait_for_counts_from_now(stub, api_client, zone):
    date = formatdate(time.time() + 60, usegmt=True).replace("GMT", zone)
    stub.answers[GET_TASK].append(Answer(429, headers={"Retry-After": date}))
    with pytest.raises(RateLimitedError) as caught:
        TaskExecutor(api_client).get_task("t")
    assert 50 < caught.value.retry_after <= 60


def test_an_error_without_that_header_has_no_time_to_wait(stub, api_client):
    stub.answers[GET_TASK].append(Answer(503))
    with pytest.raises(ServerError) as caught:
        TaskExecutor(api_client).get_task("t")
    assert caught.value.retry_after is None


def test_an_error_with_a_body_that_is_nested_too_deep_is_one_by_its_status(stub, api_client):
    stub.answers[GET_TASK].append(Answer(500, '{"x":' + "[" * 100_000))
    with pytest.raises(ServerError, match="500: Internal Server Error"):
        TaskExecutor(api_client).get_task("t")


def test_a_gateways_page_is_an_error_by_its_status_alone(stub, api_client):
    stub.answers[GET_TASK].append(Answer(502, "<html><body>secret stack trace</body></html>", "text/html"))
    with pytest.raises(ServerError) as caught:
        TaskExecutor(api_client).get_task("t")
    assert str(caught.value) == "GET /tasks/t answered 502: Bad Gateway"
    assert not caught.value.conductor


def test_a_long_message_of_several_lines_becomes_a_short_one_of_one_line(stub, api_client):
    stub.answers[GET_TASK].append(error(500, "first\nsecond\x1b[31m" + "x" * 1000))
    with pytest.raises(ServerError) as caught:
        TaskExecutor(api_client).get_task("t")
    assert len(caught.value.message) == 200
    assert caught.value.message.startswith("first second [31mxxx")


def test_an_error_shows_neither_token_nor_secret(stub, with_key):
    stub.answers[TOKEN].append(token("abc.def"))
    stub.answers[GET_TASK].append(error(400, "token abc.def of the-secret is odd"))
    with pytest.raises(ApiError) as caught:
        with_key.get_task("t")
    assert caught.value.message == "token *** of *** is odd"


def test_an_error_shows_no_words_of_headers_that_the_user_sends_and_no_key(stub):
    stub.answers[TOKEN].append(token("abc.def"))
    stub.answers[GET_TASK].append(error(400, "key the-key-of-mine: bad credential Bearer users-own-token"))
    key, headers = AuthenticationSettings("the-key-of-mine", "the-secret"), {"Proxy-Auth": "Bearer users-own-token"}
    with ApiClient(key, HttpSettings(stub.url, headers=headers)) as client, pytest.raises(ApiError) as caught:
        TaskExecutor(client).get_task("t")
    assert caught.value.message == "key ***: bad credential ***"


@pytest.mark.parametrize("secret", ['quo"te\\d and/more', "short"])
def test_an_error_shows_no_secret_as_json_or_a_url_would_write_it(stub, secret):
    """Nor a short one, which is more often a part of another word."""
    stub.answers[TOKEN].append(token("abc.def"))
    repeated = f"sent {json.dumps({'keyId': secret})}, {quote(secret, safe='')} and shortest-{secret}"
    stub.answers[GET_TASK].append(error(400, repeated))
    key = AuthenticationSettings(secret, "the-secret")
    with ApiClient(key, HttpSettings(stub.url)) as client, pytest.raises(ApiError) as caught:
        TaskExecutor(client).get_task("t")
    assert caught.value.message == 'sent {"keyId": "***"}, *** and shortest-***'


def test_what_a_validation_found_is_redactor_secrets_and_not_at_length(stub, with_key):
    stub.answers[TOKEN].append(token("abc.def"))
    found = {"path": "updateTask.taskResult", "message": "of abc.def", "invalidValue": "the-secret" + "x" * 2_000}
    stub.answers[GET_TASK].append(Answer(400, {"message": "Validation failed", "validationErrors": [found]}))
    with pytest.raises(ApiError) as caught:
        with_key.get_task("t")
    assert caught.value.validation_errors == [
        {"path": "updateTask.taskResult", "message": "of ***", "invalidValue": "***" + "x" * 997}
    ]
    assert "secret" not in repr(pickle.dumps(caught.value))


@pytest.mark.parametrize(
    ("header", "message", "shown"),
    [
        ("ALPHASECRETVALUE", "the key ALPHASECRETVALUE is odd", "the key *** is odd"),
        ("acme workflow engine", "No such workflow found by id: w", "No such workflow found by id: w"),
    ],
)
def test_a_header_of_one_word_is_a_secret_and_an_ordinary_word_of_it_is_none(stub, header, message, shown):
    stub.answers[GET_TASK].append(error(404, message))
    settings = HttpSettings(stub.url, headers={"X-Client": header})
    with ApiClient(http_settings=settings) as client, pytest.raises(NotFoundError) as caught:
        TaskExecutor(client).get_task("t")
    assert caught.value.message == shown


def test_a_word_that_tells_what_an_error_is_stays_even_where_it_is_a_headers_whole_value(stub):
    stub.answers[UPDATE_V2].append(error(404, "No such workflow found by id: w"))
    stub.add_task("t")
    settings, lost = HttpSettings(stub.url, headers={"X-Source": "workflow"}), []
    client = ApiClient(http_settings=settings)
    with client, TaskRunner(client, on_result_lost=lambda result, error: lost.append(str(error))) as runner:
        runner.start_worker("t", lambda task: None)
        assert "No such workflow found" in eventually(lambda: lost)[0]


def test_of_a_long_list_of_what_a_validation_found_the_beginning_is_kept(stub, api_client):
    found = [{"path": "p", "message": "m"}] * 100_000
    stub.answers[GET_TASK].append(Answer(400, {"message": "Validation failed", "validationErrors": found}))
    with pytest.raises(ApiError) as caught:
        TaskExecutor(api_client).get_task("t")
    assert len(caught.value.validation_errors) == 100


def test_the_host_of_a_redirect_is_redactor_a_password(stub, api_client):
    stub.answers[GET_TASK].append(Answer(302, headers={"Location": "http://user:password@other.example:81/x"}))
    with pytest.raises(ApiError) as caught:
        TaskExecutor(api_client).get_task("t")
    assert caught.value.message == "a redirect to other.example:81, which is not followed"


def test_a_token_that_does_not_come_is_not_waited_for_as_long_as_an_answer(stub, monkeypatch):
    monkeypatch.setattr("conductor.transport.SHORT_TIMEOUT", 0.2)
    stub.answers[TOKEN].append(Answer(delay=5))
    with (
        ApiClient(KEY, HttpSettings(stub.url, read_timeout=20)) as client,
        pytest.raises(
            TransportError, match="POST /token at .*: no answer within 0.2 s"
        ),  # and not the answer of 5 s later
    ):
        TaskExecutor(client).get_task("t")


@pytest.mark.parametrize(
    "body", ["", "{", "[]", '{"taskId": 5}', '{"taskId": "t"}', "<html>", b"\xff\xfe", "[" * 100_000]
)
def test_a_success_that_is_no_task_is_a_decode_error(stub, api_client, body):
    stub.answers[GET_TASK].append(Answer(body=body))
    with pytest.raises(DecodeError, match="GET /tasks/t answered 200: "):
        TaskExecutor(api_client).get_task("t")


def test_a_success_without_a_body_is_called_so(stub, api_client):
    stub.answers[GET_TASK].append(Answer(204))
    with pytest.raises(DecodeError, match="answered 204: no body"):
        TaskExecutor(api_client).get_task("t")


def test_a_login_page_is_a_decode_error_even_where_no_body_is_expected(stub, api_client):
    stub.answers["POST /metadata/taskdefs"].append(Answer(body="<html>", content_type="text/html"))
    with pytest.raises(DecodeError, match="an HTML page"):
        TaskExecutor(api_client).register_task_defs(TaskDef(name="x"))


def test_a_refused_connection_is_a_transport_error():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with (
            ApiClient(http_settings=HttpSettings(url)) as client,
            pytest.raises(TransportError, match=f"^cannot reach {url}/api: connection refused$"),
        ):
            TaskExecutor(client).get_task("t")


def test_a_slow_answer_and_a_closed_connection_are_transport_errors_and_sent_once(stub, api_client):
    stub.answers[GET_TASK].extend([Answer(delay=1), Answer(close=True)])
    with (
        ApiClient(http_settings=HttpSettings(stub.url, read_timeout=0.2)) as impatient,
        pytest.raises(TransportError, match="GET /tasks/t at .*: no answer within 0.2 s"),
    ):
        TaskExecutor(impatient).get_task("t")
    with pytest.raises(TransportError, match="closed before an answer came"):
        TaskExecutor(api_client).get_task("t")
    assert len(stub.of(GET_TASK)) == 2


def test_settings_headers_go_out_with_every_call(stub):
    with ApiClient(http_settings=HttpSettings(stub.url, headers={"X-Team": "blue"})) as client:
        stub.answers[GET_TASK].append(TASK)
        TaskExecutor(client).get_task("t")
    assert stub.of(GET_TASK)[0].headers["x-team"] == "blue"


def test_a_header_of_the_user_takes_the_place_of_ours_however_it_is_written(stub):
    stub.answers[GET_TASK].append(TASK)
    stub.answers[TOKEN].append(token("abc"))
    settings = HttpSettings(stub.url, headers={"accept": "text/odd", "x-authorization": "old"})
    with ApiClient(KEY, settings) as client:
        TaskExecutor(client).get_task("t")
    (request,) = stub.of(GET_TASK)
    assert (request.headers["accept"], request.headers["x-authorization"]) == ("text/odd", "abc")


@pytest.mark.parametrize("page", ["<html>log in</html>", '{"error": "login"}', "[]", "x" * 10_000])
def test_what_a_gateway_says_instead_of_an_id_is_a_decode_error(stub, api_client, page):
    tasks, workflows = TaskExecutor(api_client), WorkflowExecutor(api_client)
    calls = {
        "POST /tasks": lambda: tasks.update_task("t", "w", "COMPLETED"),
        "POST /tasks/w/ref/COMPLETED": lambda: tasks.update_task_by_ref_name("ref", "w", "COMPLETED"),
        "POST /workflow": lambda: workflows.start_workflow("wf"),
        "POST /workflow/w/rerun": lambda: workflows.rerun("w"),
    }
    for operation, call in calls.items():
        stub.answers[operation].append(Answer(body=page, content_type="text/plain"))
        with pytest.raises(DecodeError, match="not with an id"):
            call()


def test_a_client_made_by_an_executor_reads_the_environment(stub, monkeypatch):
    monkeypatch.setenv("CONDUCTOR_SERVER_URL", stub.url)
    monkeypatch.setenv("CONDUCTOR_AUTH_KEY", "the-key")
    monkeypatch.setenv("CONDUCTOR_AUTH_SECRET", "the-secret")
    stub.answers[TOKEN].append(token("abc"))
    stub.answers[GET_TASK].append(TASK)
    with TaskExecutor() as executor:
        executor.get_task("t")
    assert stub.of(GET_TASK)[0].headers["x-authorization"] == "abc"


def test_connections_are_kept_and_close_drops_them(stub, api_client):
    connections = {thread.name for thread in threading.enumerate()}

    def handlers():
        return [t for t in threading.enumerate() if "process_request_thread" in t.name and t.name not in connections]

    executor = TaskExecutor(api_client)
    stub.answers[GET_TASK].extend([TASK] * 5)
    for _ in range(4):
        executor.get_task("t")
    assert len(handlers()) == 1
    api_client.close()
    eventually(lambda: not handlers())
    executor.get_task("t")  # and a closed client opens a new one


def test_a_client_shows_its_url_and_no_secret(with_key):
    client = with_key._api
    assert repr(client) == f"ApiClient('{client.http_settings.base_url}')"
    assert "the-secret" not in repr(vars(client))


def test_no_urllib3_retry_hides_a_failed_call(stub, api_client, caplog):
    caplog.set_level(logging.DEBUG)
    stub.answers[GET_TASK].extend([Answer(503)] * 3)
    started = time.monotonic()
    with pytest.raises(ServerError):
        TaskExecutor(api_client).get_task("t")
    assert time.monotonic() - started < 5
    assert len(stub.of(GET_TASK)) == 1


def test_what_an_executor_cannot_send_is_refused_or_mended(stub, api_client):
    executor = TaskExecutor(api_client)
    for text in ("", 5, None):
        with pytest.raises(ConfigurationError, match="text"):
            executor.add_log("t", text)
    executor.add_log("t", "lone \ud800")
    assert stub.requests[-1].body == b"lone ?"
    executor.update_task("t", "w", "FAILED", reason_for_incompletion="lone \ud800" + "x" * 600)
    assert len(stub.requests[-1].json()["reasonForIncompletion"]) == 500


def test_a_requeue_that_does_not_count_is_a_decode_error(stub, api_client):
    stub.answers["POST /tasks/queue/requeue/t"].append(Answer(body="many", content_type="text/plain"))
    with pytest.raises(DecodeError, match="no number"):
        TaskExecutor(api_client).requeue("t")


def test_settings_of_another_kind_are_refused_by_name():
    """And not shown: somebody may have put the secret there, or a URL with a password."""
    for refused in (
        lambda: ApiClient("the-secret"),
        lambda: ApiClient(None, "http://user:the-secret@host"),
        lambda: TaskRunner("the-secret"),
        lambda: TaskExecutor("the-secret"),
    ):
        with pytest.raises(ConfigurationError, match=r"(_settings|api_client) must be an \w+, not str$"):
            refused()


@pytest.mark.parametrize("page", ["<html>log in</html>", '{"error": "login"}', "x" * 10_000])
def test_what_a_gateway_says_extends_no_lease(stub, api_client, page):
    stub.answers[UPDATE].append(Answer(body=page, content_type="text/plain"))
    with pytest.raises(DecodeError, match="not with an id"):
        HttpTaskClient(api_client).extend_lease(Task("t", "w"), "worker-1", 5)


def test_an_id_or_nothing_extends_a_lease(stub, api_client):
    stub.answers[UPDATE].extend([Answer(body="t", content_type="text/plain"), Answer()])
    for _ in range(2):
        HttpTaskClient(api_client).extend_lease(Task("t", "w"), "worker-1", 5)
    assert [result["extendLease"] for result in stub.results()] == [True, True]


def test_a_delivery_counts_what_has_no_usable_ids(stub, api_client):
    odd = {"taskId": "odd", "workflowInstanceId": "w", "inputData": 5}
    stub.answers[POLL].append(Answer(body=[TASK.body, {}, odd, 7]))
    delivery = HttpTaskClient(api_client).batch_poll("t", "worker-1", None, 4, 0.0)
    assert [task.task_id for task in delivery.tasks] == ["t"]
    assert [result.task_id for result in delivery.unreadable] == ["odd"]
    assert delivery.skipped == 2
