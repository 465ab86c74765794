"""What goes wrong with the key and its tokens, and that neither shows anywhere."""

import copy
import json
import logging
import pickle
import threading
import traceback
import urllib.request

import pytest
from prometheus_client import CollectorRegistry

from conductor import (
    ApiClient,
    ApiError,
    AuthenticationError,
    AuthenticationSettings,
    ConductorError,
    DecodeError,
    HttpSettings,
    MetricsSettings,
    RateLimitedError,
    ServerError,
    TaskExecutor,
    TaskRunner,
    TransportError,
    WorkflowExecutor,
    provide_metrics,
)
from conductor.errors import AnswerTooLargeError
from conductor.transport import LARGEST_BODY
from support.raw_faults import Raw
from support.raw_server import RawServer
from support.stub import POLL, TOKEN, UPDATE, UPDATE_V2, Answer, error
from support.waiting import eventually

SECRET, GIVEN = "hush-the-secret", "hush.the.token"
GET_TASK = "GET /tasks/t"
TASK = Answer(body={"taskId": "t", "workflowInstanceId": "w"})
EXPIRED = Answer(401, {"error": "EXPIRED_TOKEN", "message": "expired"})
HTML_404 = Answer(404, "<html>", "text/html")


def token(value=GIVEN):
    return Answer(body={"token": value})


@pytest.fixture
def client(stub):
    with ApiClient(AuthenticationSettings("the-key", SECRET), HttpSettings(stub.url, read_timeout=5)) as client:
        yield client


@pytest.fixture
def tasks(client):
    return TaskExecutor(client)


@pytest.fixture
def runner(client):
    with TaskRunner(client, worker_id="worker-1", shutdown_timeout=5) as runner:
        yield runner


def tokens_used(stub, operation):
    return [request.headers.get("x-authorization") for request in stub.of(operation)]


# A1, A3, A6: no token at the start


@pytest.mark.parametrize(
    "failure", [Answer(close=True), error(503, "starting"), HTML_404, Answer(body="<html>", content_type="text/html")]
)
def test_a1_a_worker_starts_when_there_are_tokens_and_polls_with_none_before(stub, runner, failure):
    stub.answers[TOKEN].extend([failure, token()])
    stub.add_task("t")
    runner.start_worker("t", lambda task: None)
    eventually(stub.results)
    assert len(stub.of(TOKEN)) == 2
    first, second = (request.at for request in stub.of(TOKEN))
    assert second - first >= 0.4  # the first back-off step, less a fifth of jitter
    assert set(tokens_used(stub, POLL)) == {GIVEN}


def refusing(refused):
    """The server's answer where that token has expired, and none of the stub's otherwise."""
    return lambda request: EXPIRED if request.headers["x-authorization"] == refused else None


def test_a2_a_renewal_that_fails_once_keeps_the_old_token_in_use_until_one_succeeds(stub, tasks):
    stub.answers[TOKEN].extend([token("old"), error(503, "down"), token("new")])
    stub.answers[GET_TASK].extend([TASK, EXPIRED, TASK, *[refusing("old")] * 1000])
    tasks.get_task("t")
    with pytest.raises(ServerError, match="POST /token answered 503: down"):
        tasks.get_task("t")
    tasks.get_task("t")
    assert tokens_used(stub, GET_TASK) == ["old"] * 3
    eventually(lambda: succeeds(tasks))
    assert tokens_used(stub, GET_TASK)[-2:] == ["old", "new"]
    _, failed, succeeded = (request.at for request in stub.of(TOKEN))
    assert succeeded - failed >= 0.4


def succeeds(tasks):
    try:
        return tasks.get_task("t")
    except ServerError:
        return None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 413, 422])
def test_a3_a_refusal_of_the_token_call_does_not_look_like_one_of_the_call_that_needed_it(stub, tasks, status):
    stub.answers[TOKEN].append(error(status, "No static resource token.", retryable=True))
    with pytest.raises(AuthenticationError, match="POST /token answered") as caught:
        tasks.get_task("t")
    assert (caught.value.status, caught.value.path_template) == (status, "/token")
    assert (caught.value.message, caught.value.retryable, caught.value.conductor) == (
        "No static resource token.",
        True,
        True,
    )
    assert stub.of(GET_TASK) == []


def test_a3_other_failures_of_the_token_call_keep_their_class(stub, client):
    for answer, kind in [(error(429, "slow"), RateLimitedError), (error(500, "no"), ServerError)]:
        stub.answers[TOKEN].append(answer)
        with pytest.raises(kind, match="POST /token"):
            TaskExecutor(ApiClient(AuthenticationSettings("k", "s"), client.http_settings)).get_task("t")


@pytest.mark.parametrize("failure", [HTML_404, error(400, "no"), error(404, "No such task found"), error(405, "no")])
def test_a3_a_result_outlives_a_token_call_that_is_refused(stub, runner, failure):
    stub.answers[TOKEN].extend([token("old"), failure, token("new")])
    for operation in (UPDATE, UPDATE_V2):
        stub.answers[operation].extend([refusing("old")] * 100)
    stub.add_task("t")
    runner.start_worker("t", lambda task: {"n": 1})
    eventually(lambda: "new" in tokens_used(stub, UPDATE))
    assert {result["status"] for result in stub.results()} == {"COMPLETED"}


# A4: many threads


def test_a4_twenty_threads_make_one_token_call_for_each_expiry(stub, tasks):
    """However soon one follows another."""
    valid, lock = [], threading.Lock()  # guards valid

    def issue(request):
        with lock:
            valid.append(f"token-{len(valid)}")
            return token(valid[-1])

    def answer(request):
        with lock:
            return TASK if request.headers["x-authorization"] == valid[-1] else EXPIRED

    stub.answers[TOKEN].extend([issue] * 10)
    stub.answers[GET_TASK].extend([answer] * 400)
    done, barrier = [], threading.Barrier(20)

    def work():
        for expiry in range(3):
            if barrier.wait() == 0 and expiry:
                with lock:
                    valid[-1] += " has expired"
            barrier.wait()
            done.append(tasks.get_task("t"))

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(done) == 60
    assert len(stub.of(TOKEN)) == 3


# A5: a wrong key


def test_a5_a_wrong_key_is_said_once_tried_at_back_off_steps_and_never_left_out(stub, runner, caplog):
    stub.answers[TOKEN].extend([error(401, f"no such key as {SECRET}")] * 100)
    for name in ("a", "b", "c"):
        runner.start_worker(name, lambda task: None)
    eventually(lambda: len(stub.of(TOKEN)) == 3)
    times = [request.at for request in stub.of(TOKEN)]
    assert times[1] - times[0] >= 0.4
    assert times[2] - times[1] >= 0.8
    runner.shutdown()
    assert runner.wait_workers(5)
    assert stub.of(POLL) == []
    (said,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert said.getMessage().startswith("the access key got no token: POST /token answered 401: no such key as ***")
    assert SECRET not in caplog.text


# A6, A7: what is no token


@pytest.mark.parametrize(
    "answer",
    [
        Answer(),
        Answer(204),
        Answer(body="<html>", content_type="text/html"),
        Answer(body="{}"),
        Answer(body="[]"),
        Answer(body="{"),
        Answer(body='{"token": null}'),
        Answer(body='{"token": 5}'),
        Answer(body='"hush"'),
        token(""),
    ],
)
def test_a6_what_is_no_token_is_an_error_and_asked_for_again_a_step_later(stub, tasks, answer):
    stub.answers[TOKEN].append(answer)
    for _ in range(5):
        with pytest.raises(DecodeError, match="token"):
            tasks.get_task("t")
    assert len(stub.of(TOKEN)) == 1
    assert stub.of(GET_TASK) == []


@pytest.mark.parametrize(
    "bad", ["hush\r\nX-Other: y", "hush\n", "hush hush", "hush\u20ac", "hush\xe9", "hush\x00", "\ufeffhush"]
)
def test_a7_a_token_that_cannot_stand_in_a_header_is_refused_and_not_shown(stub, tasks, caplog, bad):
    caplog.set_level(logging.DEBUG)
    stub.answers[TOKEN].append(token(bad))
    with pytest.raises(DecodeError, match="cannot stand in a header") as caught:
        tasks.get_task("t")
    assert "hush" not in "".join(traceback.format_exception(caught.value))
    assert "hush" not in caplog.text
    assert stub.of(GET_TASK) == []


# A8: nothing shows


FAULTS = [
    EXPIRED,
    error(400, f"{GIVEN} of {SECRET} is odd"),
    error(403, f"{GIVEN}: not yours", validationErrors=[{"path": "token", "message": GIVEN, "invalidValue": GIVEN}]),
    error(500, SECRET),
    Answer(502, f"<html>{GIVEN}", "text/html"),
    Answer(302, headers={"Location": f"http://conductor.test/{GIVEN}?secret={SECRET}"}),
    Answer(body=f"{GIVEN} {SECRET}"),
    Answer(body={"taskId": GIVEN, "status": [SECRET]}),
    Answer(body=f"<html>{GIVEN}", content_type="text/html"),
    Answer(close=True),
    Answer(body=GIVEN, headers={"Content-Encoding": "gzip"}),
]


def everything_that_shows(raised):
    return "".join(traceback.format_exception(raised)) + str(raised) + repr(raised)


def test_a8_no_error_log_line_or_metric_tells_key_or_token(stub, runner, tasks, caplog):
    caplog.set_level(logging.DEBUG)
    registry = CollectorRegistry()
    shown = []
    with provide_metrics(MetricsSettings(port=0), registry) as metrics:
        stub.answers[GET_TASK].extend(FAULTS)
        stub.answers[POLL].extend(FAULTS)
        stub.answers[TOKEN].extend([token(), token(), error(401, f"{SECRET} is wrong")])
        stub.add_task("t")
        while stub.answers[GET_TASK]:
            with pytest.raises(ConductorError) as caught:
                tasks.get_task("t")
            shown.append(everything_that_shows(caught.value))
        runner.start_worker("t", lambda task: None)
        eventually(lambda: len(stub.of(POLL)) >= 2)
        with urllib.request.urlopen(f"http://127.0.0.1:{metrics.port}/metrics", timeout=5) as scraped:
            shown.append(scraped.read().decode())
    shown.append(caplog.text)
    for text in shown:
        assert "hush" not in text, text


@pytest.mark.parametrize(
    "answer",
    ["{token} of the task", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{token}", "HTTP/1.1 {token}"],
)
def test_a8_what_is_no_http_is_not_shown_at_length_and_without_a_token(answer):
    key = AuthenticationSettings("the-key", SECRET)
    with RawServer((key.key_id, key.key_secret)) as server, ApiClient(key, HttpSettings(server.url)) as client:
        seen = []

        def repeat(exchange):
            seen.append(exchange.request.headers["x-authorization"])
            Raw(answer.format(token=seen[0]).encode() + b"x" * 10_000 + b"\r\n")(exchange)

        server.fault("get_task", repeat)
        with pytest.raises(TransportError) as caught:
            TaskExecutor(client).get_task("t")
    assert len(str(caught.value)) < 300
    assert seen[0] not in everything_that_shows(caught.value)


@pytest.fixture
def holders(client, runner):
    """Public objects that hold the key, or something that does."""
    settings = HttpSettings(
        "https://conductor.test",
        headers={"X-Team": "hush"},
        proxy_url="http://user:hush@proxy.test",
        client_cert="-----BEGIN hush",
        client_key="-----BEGIN hush",
    )
    return [
        client._key,
        settings,
        client,
        runner,
        TaskExecutor(client),
        WorkflowExecutor(client),
        client._connected.tokens,
    ]


def test_a8_no_object_shows_key_or_token(stub, tasks, holders):
    stub.answers[TOKEN].append(token())
    stub.answers[GET_TASK].append(TASK)
    tasks.get_task("t")
    for holder in holders:
        assert "hush" not in repr(holder) + str(holder)


def test_a8_no_pickle_holds_them(holders):
    for holder in holders:
        with pytest.raises(TypeError):
            pickle.dumps(holder)
    for holder in holders[:3]:
        with pytest.raises(TypeError, match=f"{type(holder).__name__} cannot be pickled, since it holds secrets"):
            pickle.dumps({"settings": [holder]})


def test_a8_an_error_can_be_pickled_and_says_the_same_after_it(stub, tasks):
    stub.answers[TOKEN].append(token())
    stub.answers[GET_TASK].append(error(429, f"slow, {GIVEN}", retryable=True))
    with pytest.raises(ApiError) as caught:
        tasks.get_task("t")
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own
    assert str(again) == str(caught.value) == "GET /tasks/t answered 429: slow, ***"
    assert vars(again) == vars(caught.value)


def test_a8_the_secret_goes_to_the_token_route_and_the_token_into_one_header(stub, runner):
    stub.answers[TOKEN].append(token())
    stub.add_task("t")
    runner.start_worker("t", lambda task: None)
    eventually(stub.results)
    for request in stub.requests:
        headers = {name: value for name, value in request.headers.items() if name != "x-authorization"}
        text = request.operation + str(request.query) + str(headers)
        assert "hush" not in (text if request.operation == TOKEN else text + request.body.decode())
    assert json.loads(stub.of(TOKEN)[0].body) == {"keyId": "the-key", "keySecret": SECRET}


def test_a8_a_refused_connection_tells_nothing(caplog):
    caplog.set_level(logging.DEBUG)
    client = ApiClient(AuthenticationSettings("the-key", SECRET), HttpSettings("http://127.0.0.1:1"))
    with pytest.raises(TransportError) as caught:
        TaskExecutor(client).get_task("t")
    assert "hush" not in everything_that_shows(caught.value) + caplog.text


def test_a_token_that_is_too_large_is_refused_the_same_way_each_time(stub, tasks):
    stub.answers[TOKEN].append(Answer(body=b"x" * LARGEST_BODY))
    for _ in range(2):  # the second time without a request: it is too early for another one
        with pytest.raises(AnswerTooLargeError, match="POST /token answered 200: a body of 32 MiB or more"):
            tasks.get_task("t")
    assert len(stub.of(TOKEN)) == 1


def test_errors_that_are_no_answers_can_be_copied_and_pickled():
    for each in (TransportError("no"), DecodeError("no"), AnswerTooLargeError("no", b"[")):
        for again in (copy.copy(each), pickle.loads(pickle.dumps(each))):  # noqa: S301 - our own
            assert (type(again), str(again), vars(again)) == (type(each), "no", vars(each))
