"""No variable of a frame that an error leads to shows a secret: error trackers, rich and pytest -l print them all."""

import socket
import ssl
import traceback
from io import StringIO
from pathlib import Path

import pytest
import trustme
from conductor_client.models.generate_token_response import GenerateTokenResponse
from rich.console import Console
from rich.traceback import Traceback

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
    PayloadError,
    PayloadSettings,
    RateLimitedError,
    ServerError,
    TaskExecutor,
    TransportError,
)
from conductor.models import GenerateTokenRequest
from conductor.payloads import PayloadStorage
from support.stub import TOKEN, Answer, Stub, error

TESTS = Path(__file__).parents[1]
GET_TASK = "GET /tasks/t"
KEY = AuthenticationSettings("hush-the-id", "hush-the-secret")
HEADERS = {"X-Proxy-Token": "hush-of-the-user", "Cookie": "session=hush"}
PEM = "-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----"
GIVEN = Answer(body={"token": "hush.the.token"})
EXPIRED = Answer(403, {"error": "EXPIRED_TOKEN", "message": "expired"})


def variables(raised):
    """The repr of each variable in all frames of an error and of its causes, but for the tests' own frames."""
    seen, errors, found = set(), [raised], []
    while errors:
        each = errors.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        errors += [each.__cause__, each.__context__]
        for frame, _ in traceback.walk_tb(each.__traceback__):
            if not Path(frame.f_code.co_filename).is_relative_to(TESTS):
                place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                found += [f"{place} {name} = {text}" for name, value in frame.f_locals.items() for text in shown(value)]
    return found


def shown(value):
    if isinstance(value, dict):
        return [text for pair in value.items() for each in pair for text in shown(each)]
    if isinstance(value, list | tuple | set | frozenset):
        return [text for each in value for text in shown(each)]
    try:
        return [repr(value)]
    except AttributeError:  # an object that is only half made
        return []


def assert_hushed(raised):
    found = variables(raised)
    assert found
    assert [text for text in found if "hush" in text] == []
    assert "hush" not in str(raised) + repr(raised)


@pytest.fixture
def stub():
    with Stub() as stub:
        stub.answers[TOKEN].extend([GIVEN, GIVEN])
        yield stub


def get_task_over(url, **settings):
    with ApiClient(KEY, HttpSettings(url, **{"headers": HEADERS, **settings})) as client:
        return TaskExecutor(client).get_task("t")


ANSWERS = [
    ([error(400, "of hush-the-secret")], ApiError),
    ([error(401, "no"), error(401, "no")], AuthenticationError),
    ([EXPIRED, EXPIRED], AuthenticationError),
    ([error(403, "not yours")], AuthenticationError),
    ([error(404, "no")], NotFoundError),
    ([error(409, "no")], ConflictError),
    ([error(429, "no")], RateLimitedError),
    ([error(503, "no")], ServerError),
    ([Answer(302, headers={"Location": "http://user:hush@other"})], ApiError),
    ([Answer(body="{")], DecodeError),
    ([Answer(body="<html>", content_type="text/html")], DecodeError),
    ([Answer(body=b"x", headers={"Content-Encoding": "gzip"})], DecodeError),
    ([Answer(close=True)] * 2, TransportError),
    ([Answer(delay=2)], TransportError),
]


@pytest.mark.parametrize(("answers", "kind"), ANSWERS)
@pytest.mark.parametrize("given", [HEADERS, lambda: HEADERS], ids=["headers", "function"])
def test_of_a_call_that_fails(stub, answers, kind, given):
    stub.answers[GET_TASK].extend(answers)
    with pytest.raises(kind) as caught:
        get_task_over(stub.url, read_timeout=0.5, headers=given)
    assert_hushed(caught.value)


SIGNED = "https://storage.test/k.json?sig=hush"
LOCATION = "GET /tasks/external-storage-location"
PAYLOADS = [
    (Answer(403, "no such signature as hush"), None),
    (Answer(302, headers={"Location": SIGNED}), None),
    (Answer(close=True), None),
    (Answer(delay=2), None),
    (Answer(body="[]"), None),
    (Answer(body="{"), None),
    (Answer(body=b"{}", headers={"Content-Encoding": "br"}), None),
    (None, SIGNED.replace("https", "http")),
    (None, SIGNED.replace("//", "//user:hush@")),
    (None, SIGNED.replace("storage.test", "[::1")),
    (None, SIGNED.replace("storage.test", "storage.test:99999")),
    (None, SIGNED + " hush"),
    (None, SIGNED.replace("https", "ftp")),
    (None, SIGNED.replace("storage.test", "storage.invalid")),
]


@pytest.mark.parametrize(("answer", "uri"), PAYLOADS)
def test_of_a_payload_that_cannot_be_read(stub, answer, uri):
    """An address in the external storage is signed, so it is a secret."""
    task = {"taskId": "t", "workflowInstanceId": "w", "externalInputPayloadStoragePath": "k.json"}
    stub.answers[GET_TASK].append(Answer(body=task))
    uri = uri or stub.url.replace("/api", "/k.json?sig=hush")
    stub.answers[LOCATION].append(Answer(body={"path": "k.json", "uri": uri}))
    stub.answers["GET /k.json"].append(answer)
    client = ApiClient(KEY, HttpSettings(stub.url, headers=HEADERS), PayloadSettings(timeout=0.5))
    with client, pytest.raises(PayloadError) as caught:
        TaskExecutor(client).get_task("t", fetch_payloads=True)
    assert_hushed(caught.value)


@pytest.mark.parametrize("answer", [Answer(403, "no such signature as hush"), Answer(close=True)])
def test_of_a_payload_that_cannot_be_written(stub, answer):
    uri = stub.url.replace("/api", "/k.json?sig=hush")
    stub.answers[LOCATION].append(Answer(body={"path": "k.json", "uri": uri}))
    stub.answers["PUT /k.json"].append(answer)
    client = ApiClient(KEY, HttpSettings(stub.url, headers=HEADERS))
    with client, pytest.raises(PayloadError) as caught:
        PayloadStorage(client).write(b"{}", "TASK_OUTPUT")
    assert_hushed(caught.value)


TOKENS = [
    (error(401, "no such key as hush-the-secret"), AuthenticationError),
    (error(404, "no"), AuthenticationError),
    (error(429, "slow"), RateLimitedError),
    (error(500, "no"), ServerError),
    (Answer(body={"token": "hush\nhush"}), DecodeError),
    (Answer(body={"token": ["hush"]}), DecodeError),
    (Answer(close=True), TransportError),
]


@pytest.mark.parametrize(("answer", "kind"), TOKENS)
@pytest.mark.parametrize("renewal", [False, True])
def test_of_a_token_that_does_not_come(stub, answer, kind, renewal):
    stub.answers[TOKEN].clear()
    stub.answers[TOKEN].extend([GIVEN, answer] if renewal else [answer])
    stub.answers[GET_TASK].append(EXPIRED)
    with pytest.raises(kind) as caught:
        get_task_over(stub.url)
    assert_hushed(caught.value)


@pytest.fixture
def nobody():
    """An address that refuses."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{unused.getsockname()[1]}"


def test_of_a_server_that_cannot_be_reached(nobody, stub):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    with Stub(tls=tls) as untrusted:
        calls = [
            lambda: get_task_over(f"http://{nobody}"),
            lambda: get_task_over("http://conductor.invalid"),
            lambda: get_task_over("http://conductor.test", proxy_url=f"http://user:hush@{nobody}"),
            lambda: get_task_over("https://conductor.test", proxy_url=f"http://user:hush@{nobody}"),
            lambda: get_task_over(stub.url.replace("http:", "https:")),
            lambda: get_task_over(untrusted.url),
        ]
        for call in calls:
            with pytest.raises(TransportError, match="cannot reach") as caught:
                call()
            assert_hushed(caught.value)


def test_of_a_function_for_headers_that_fails():
    def fails():
        raise ValueError("hush")

    for given in (fails, lambda: {"X-Token": "hush\n"}, lambda: {"X-Token": b"hush"}, lambda: 5):
        with pytest.raises(TransportError, match="no headers for the request") as caught:
            get_task_over("http://127.0.0.1:1", headers=given)
        assert_hushed(caught.value)


MISTAKES = [
    lambda: AuthenticationSettings("hush-the-id", ""),
    lambda: AuthenticationSettings("id", "hush "),
    lambda: AuthenticationSettings("id", b"hush"),
    lambda: ApiClient("hush-the-secret"),
    lambda: ApiClient(None, "http://user:hush@host"),
    lambda: HttpSettings(headers={"X-Token": "hush\n"}),
    lambda: HttpSettings(headers={"X-Token": b"hush"}),
    lambda: HttpSettings(headers={"X-Token": ["hush"]}),
    lambda: HttpSettings(headers="hush"),
    lambda: HttpSettings(headers=b"hush"),
    lambda: HttpSettings(headers=[("X-Token", "hush")]),
    lambda: HttpSettings(headers=HEADERS, read_timeout=-1),
    lambda: HttpSettings("http://user:hush@host"),
    lambda: HttpSettings("http://host?token=hush"),
    lambda: HttpSettings(proxy_url="ftp://user:hush@proxy"),
    lambda: HttpSettings(proxy_url="http://user:hush@proxy", verify="no"),
    lambda: HttpSettings(b"http://user:hush@host"),
    lambda: HttpSettings(proxy_url=b"http://user:hush@proxy"),
    lambda: HttpSettings(proxy_url={"http": "http://user:hush@proxy"}),
    lambda: HttpSettings(client_cert=PEM.encode()),
    lambda: HttpSettings(client_cert=PEM, client_key=[PEM]),
    lambda: HttpSettings(client_key=PEM),
    lambda: HttpSettings(client_cert=PEM, client_key=PEM, verify="no"),
    lambda: ApiClient(http_settings=HttpSettings(client_cert=PEM, client_key=PEM)),
]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_of_settings_that_cannot_work(mistake):
    with pytest.raises(ConfigurationError) as caught:
        mistake()
    assert_hushed(caught.value)


@pytest.mark.parametrize(
    "variables_set",
    [
        {"CONDUCTOR_AUTH_KEY": "hush"},
        {"CONDUCTOR_AUTH_KEY": "id", "CONDUCTOR_AUTH_SECRET": "hush\n"},
        {"CONDUCTOR_SERVER_URL": "http://user:hush@host"},
        {"CONDUCTOR_SERVER_URL": "http://host", "HTTP_PROXY": "ftp://user:hush@proxy"},
    ],
)
def test_of_an_environment_that_cannot_work(monkeypatch, variables_set):
    for name, value in variables_set.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        ApiClient()
    assert_hushed(caught.value)


LONG_TOKEN = "hush" * 50


@pytest.mark.parametrize("renewal", [False, True])
def test_rich_shows_none_of_them_not_even_the_beginning(stub, renewal):
    """It shows a part of a long text."""
    stub.answers[TOKEN].clear()
    stub.answers[TOKEN].extend([Answer(body={"token": LONG_TOKEN})] * 2)
    stub.answers[GET_TASK].extend([EXPIRED, error(401, "no")] if renewal else [error(500, "no")])
    with pytest.raises(ApiError) as caught:
        get_task_over(stub.url, headers={"X-Token": LONG_TOKEN})
    shown_by_rich = Console(file=StringIO(), width=200)
    inner = caught.value.with_traceback(caught.value.__traceback__.tb_next.tb_next)  # without the tests' frames
    shown_by_rich.print(Traceback.from_exception(type(inner), inner, inner.__traceback__, show_locals=True))
    text = shown_by_rich.file.getvalue()
    assert "locals" in text
    assert "'***'" in text
    assert "hush" not in text


def test_the_models_of_the_token_call_show_none():
    for exchanged in (GenerateTokenRequest(key_id="hush", key_secret="hush"), GenerateTokenResponse("hush")):
        assert "hush" not in repr(exchanged)
