"""An error names the server, the path and the setting: the reader of a single log line needs them."""

import socket
import ssl

import pytest
import trustme

from conductor import (
    ApiClient,
    ApiError,
    AuthenticationError,
    AuthenticationSettings,
    DecodeError,
    HttpSettings,
    NotFoundError,
    TaskExecutor,
    TransportError,
    WorkflowDef,
    WorkflowExecutor,
)
from conductor._version import __version__
from conductor.task_client import HttpTaskClient
from support.stub import POLL, TOKEN, Answer, Stub, error

GET_TASK = "GET /tasks/t"
KEY = AuthenticationSettings("the-key", "the-secret")
SPRING_404 = Answer(404, {"timestamp": "2026-01-01", "status": 404, "error": "Not Found", "path": "/x"})
HTML_404 = Answer(404, "<html>", "text/html")


def text_of(kind, url=None, key=None, task_id="t", **settings):
    """That of the error of a call."""
    with ApiClient(key, HttpSettings(url, **settings)) as client, pytest.raises(kind) as caught:
        TaskExecutor(client).get_task(task_id)
    return str(caught.value)


@pytest.fixture
def nobody():
    """A URL that refuses."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{unused.getsockname()[1]}"


def test_a_server_that_cannot_be_reached_is_named_with_the_place_that_names_it(nobody, monkeypatch):
    assert text_of(TransportError, nobody) == f"cannot reach {nobody}/api: connection refused"
    monkeypatch.setenv("CONDUCTOR_SERVER_URL", nobody)
    assert text_of(TransportError) == f"cannot reach {nobody}/api (CONDUCTOR_SERVER_URL): connection refused"
    monkeypatch.delenv("CONDUCTOR_SERVER_URL")
    monkeypatch.setattr("conductor.settings.DEFAULT_SERVER_URL", f"{nobody}/api")
    text = text_of(TransportError)
    assert text == f"cannot reach {nobody}/api (CONDUCTOR_SERVER_URL is not set): connection refused"


def test_so_is_a_proxy_and_without_its_password(nobody, monkeypatch):
    proxy = nobody.replace("//", "//user:hush@")
    reached = "cannot reach http://conductor.test/api through"
    text = text_of(TransportError, "http://conductor.test", proxy_url=proxy)
    assert text == f"{reached} proxy_url {nobody}: connection refused"
    monkeypatch.setenv("HTTP_PROXY", proxy)
    assert text_of(TransportError, "http://conductor.test") == f"{reached} HTTP_PROXY {nobody}: connection refused"


def test_the_systems_words_become_plain_ones(stub):
    unknown = text_of(TransportError, "http://conductor.invalid")
    assert unknown.startswith("cannot reach http://conductor.invalid/api: no such host")
    stub.answers[GET_TASK].append(Answer(delay=1))
    text = text_of(TransportError, stub.url, read_timeout=0.25)
    assert text == f"GET /tasks/t at {stub.url}: no answer within 0.25 s"
    stub.answers[GET_TASK].append(Answer(close=True))
    text = text_of(TransportError, stub.url)
    assert text == f"GET /tasks/t at {stub.url}: the connection was closed before an answer came"
    no_tls = stub.url.replace("http:", "https:")
    assert text_of(TransportError, no_tls).startswith(f"cannot reach {no_tls}: no TLS connection: ")


def test_a_certificate_that_is_not_accepted_is_said_to_be_so():
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    with Stub(tls=tls) as stub:
        text = text_of(TransportError, stub.url)
        assert text.startswith(f"cannot reach {stub.url}: certificate not accepted: ")


@pytest.mark.parametrize("kind", [TransportError, DecodeError, ApiError])
def test_the_path_stands_there_with_its_values_and_not_at_length(stub, kind):
    answer = {TransportError: Answer(close=True), DecodeError: Answer(204), ApiError: Answer(502)}[kind]
    for task_id, path in [("a b", "a%20b"), ("x" * 1_000, "x" * (200 - len("/tasks/")))]:
        stub.answers["GET /tasks/"].append(answer)
        text = text_of(kind, stub.url, task_id=task_id)
        assert f"GET /tasks/{path} " in text
        assert "{" not in text


def poll(client):
    HttpTaskClient(client).batch_poll("ship", "worker-1", None, 1, 0.0)


@pytest.mark.parametrize("answer", [HTML_404, SPRING_404, error(404, "No static resource api/tasks."), Answer(404)])
def test_a_poll_that_gets_404_met_no_conductor(stub, api_client, answer):
    stub.answers[POLL].append(answer)
    with pytest.raises(NotFoundError) as caught:
        poll(api_client)
    assert str(caught.value).startswith("GET /tasks/poll/batch/ship answered 404: ")
    assert str(caught.value).endswith(f" (no Conductor API at {stub.url})")
    assert caught.value.hint == f"no Conductor API at {stub.url}"


def test_other_calls_did_so_where_the_answer_is_not_conductors_or_is_of_no_route(stub):
    no_route = error(404, "No static resource foo/api/tasks/t.")  # server 3.32.3
    stub.answers[GET_TASK].extend([HTML_404, no_route, error(404, "No such task found by id: t")])
    assert "no Conductor API at" in text_of(NotFoundError, stub.url)
    assert "no Conductor API at" in text_of(NotFoundError, stub.url)
    assert text_of(NotFoundError, stub.url) == "GET /tasks/t answered 404: No such task found by id: t"


@pytest.mark.parametrize("status", [401, 403])
def test_a_call_that_needs_a_key_names_the_variables_of_one(stub, status):
    stub.answers[GET_TASK].extend([error(status, "no")] * 2)
    text = text_of(AuthenticationError, stub.url)
    assert "no access key is set: see CONDUCTOR_AUTH_KEY and CONDUCTOR_AUTH_SECRET" in text
    given = {"Authorization": "Bearer abc"}  # the user has another way
    assert text_of(AuthenticationError, stub.url, headers=given) == f"GET /tasks/t answered {status}: no"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_so_does_a_token_that_is_refused(stub, status):
    stub.answers[TOKEN].append(error(status, "no"))
    text = text_of(AuthenticationError, stub.url, KEY)
    assert text.startswith(f"POST /token answered {status}: no (")
    assert "CONDUCTOR_AUTH_KEY and CONDUCTOR_AUTH_SECRET" in text
    assert ("unset" in text) == (status == 404)


def test_a_missing_permission_is_no_matter_of_the_key(stub):
    stub.answers[TOKEN].append(Answer(body={"token": "abc"}))
    stub.answers[GET_TASK].append(error(403, "not yours"))
    assert text_of(AuthenticationError, stub.url, KEY) == "GET /tasks/t answered 403: not yours"


def test_each_finding_of_a_validation_has_a_line_and_is_shown_whole(stub, api_client):
    found = [{"path": f"tasks[{number}].name", "message": f"{number} is {'very ' * 60}odd"} for number in range(60)]
    found += [{"message": "no place"}, {"path": "no message"}, {}, 5, None]
    stub.answers["PUT /metadata/workflow"].append(error(400, "Validation failed", validationErrors=found))
    with pytest.raises(ApiError) as caught:
        WorkflowExecutor(api_client).register_workflow(WorkflowDef("w", []))
    first, *lines = str(caught.value).splitlines()
    assert first == "PUT /metadata/workflow answered 400: Validation failed"
    assert lines == [f"  {each['path']}: {each['message']}" for each in found[:60]] + ["  no place"]
    assert caught.value.summary == "Validation failed"
    assert caught.value.message.startswith("Validation failed tasks[0].name: 0 is very very")


def test_a_request_says_which_client_it_comes_from(stub):
    for headers, sent in [({}, f"conductor-worker/{__version__}"), ({"user-agent": "mine"}, "mine")]:
        with ApiClient(http_settings=HttpSettings(stub.url, headers=headers)) as client:
            TaskExecutor(client).get_task("t")
        assert stub.of(GET_TASK)[-1].headers["user-agent"] == sent
