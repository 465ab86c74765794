"""Headers that a function gives, for each request anew."""

import asyncio
import functools
import threading

import pytest

from conductor import (
    ApiClient,
    ApiError,
    AuthenticationSettings,
    ConfigurationError,
    HttpSettings,
    TaskExecutor,
    TaskRunner,
    TransportError,
)
from support.stub import POLL, TOKEN, UPDATE, UPDATE_V2, Answer, error
from support.waiting import eventually

GET_TASK = "GET /tasks/t"
KEY = AuthenticationSettings("the-key", "the-secret")


class Tokens:
    """A function for headers: each call gives a new bearer token. ``fails``: is called instead, when it is set."""

    def __init__(self):
        self.calls = []
        self.fails = None

    def __call__(self):
        self.calls.append(threading.current_thread())
        if self.fails:
            return self.fails()
        return {"authorization": f"Bearer sidecar-{len(self.calls)}"}


@pytest.fixture
def tokens():
    return Tokens()


@pytest.fixture
def client(stub, tokens):
    with ApiClient(http_settings=HttpSettings(stub.url, headers=tokens)) as client:
        yield client


def sent(stub, operation, name="authorization"):
    return [request.headers.get(name) for request in stub.of(operation)]


def test_making_a_client_asks_for_none(client, tokens):
    assert tokens.calls == []


def test_each_request_has_those_of_its_own_time_asked_for_on_its_thread(stub, client, tokens):
    for _ in range(3):
        TaskExecutor(client).get_task("t")
    assert sent(stub, GET_TASK) == ["Bearer sidecar-1", "Bearer sidecar-2", "Bearer sidecar-3"]
    assert tokens.calls == [threading.current_thread()] * 3


def test_so_has_one_for_a_token_and_a_repeated_one(stub, tokens):
    stub.answers[TOKEN].extend([Answer(body={"token": "old"}), Answer(body={"token": "new"})])
    stub.answers[GET_TASK].append(error(401, "expired"))
    with ApiClient(KEY, HttpSettings(stub.url, headers=tokens)) as client:
        TaskExecutor(client).get_task("t")
    assert sent(stub, TOKEN) == ["Bearer sidecar-1", "Bearer sidecar-3"]
    assert sent(stub, GET_TASK) == ["Bearer sidecar-2", "Bearer sidecar-4"]
    assert sent(stub, GET_TASK, "x-authorization") == ["old", "new"]


def test_without_a_key_it_may_give_the_token_itself(stub):
    with ApiClient(http_settings=HttpSettings(stub.url, headers=lambda: {"x-authorization": "mine"})) as client:
        TaskExecutor(client).get_task("t")
    assert sent(stub, GET_TASK, "x-authorization") == ["mine"]


def test_its_values_are_secrets(stub, client):
    stub.answers[GET_TASK].append(error(400, "odd token: sidecar-1"))
    with pytest.raises(ApiError, match=r"odd token: \*\*\*$"):
        TaskExecutor(client).get_task("t")


def raises():
    raise LookupError("no token, the last was sidecar-hush")


ODD = [
    (raises, "LookupError was raised"),
    (lambda: None, "headers must be a mapping, not NoneType"),
    (lambda: [("X", "hush")], "headers must be a mapping, not list"),
    (lambda: {"X Y": "z"}, "headers: 'X Y' is not a header name"),
    (lambda: {"X": "hush\n"}, "headers: the value of X is not a string of Latin-1 text on one line"),
    (lambda: {"X": 5}, "headers: the value of X is not a string of Latin-1 text on one line"),
]


@pytest.mark.parametrize(("fails", "problem"), ODD)
def test_where_it_gives_none_the_request_fails_and_names_it(stub, client, tokens, fails, problem):
    tokens.fails = fails
    with pytest.raises(TransportError) as caught:
        TaskExecutor(client).get_task("t")
    assert str(caught.value) == f"no headers for the request from Tokens: {problem}"
    assert stub.requests == []
    tokens.fails = None
    assert TaskExecutor(client).get_task("t").task_id == "t"


def test_its_name_is_told_where_it_has_one(stub):
    for given, name in [(raises, "raises"), (functools.partial(raises), "partial")]:
        with (
            ApiClient(http_settings=HttpSettings(stub.url, headers=given)) as client,
            pytest.raises(TransportError, match=f"from {name}: LookupError"),
        ):
            TaskExecutor(client).get_task("t")


@pytest.mark.parametrize("kind", [LookupError, SystemExit, asyncio.CancelledError, GeneratorExit, KeyboardInterrupt])
def test_a_worker_outlives_its_failures_and_loses_no_result(stub, client, tokens, kind, caplog):
    stub.add_task("ship")
    failed = threading.Event()

    def fails_once():
        tokens.fails = None
        failed.set()
        raise kind("sidecar-hush")

    def ship(task):
        tokens.fails = fails_once
        return {"shipped": True}

    tokens.fails = fails_once
    with TaskRunner(client) as runner:
        runner.start_worker("ship", ship)
        eventually(lambda: stub.of(UPDATE) + stub.of(UPDATE_V2))
        assert failed.is_set()
    assert stub.results()[0]["outputData"] == {"shipped": True}
    assert stub.of(POLL)
    assert f"no headers for the request from Tokens: {kind.__name__} was raised" in caplog.text
    assert "hush" not in caplog.text


def test_an_async_function_and_a_number_are_refused():
    async def headers():
        return {}

    with pytest.raises(ConfigurationError, match="headers must be a mapping or a plain function, not an async one"):
        HttpSettings(headers=headers)
    with pytest.raises(ConfigurationError, match="headers must be a mapping, not int"):
        HttpSettings(headers=5)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_while_it_runs_on_the_main_thread_ends_the_call(stub, client, tokens, kind):
    def interrupted():
        raise kind

    tokens.fails = interrupted
    with pytest.raises(kind):
        TaskExecutor(client).get_task("t")
