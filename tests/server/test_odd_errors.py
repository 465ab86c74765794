"""An error body is data: with any content the error keeps its class, and a result is sent again."""

import json

import pytest

from conductor import ApiError, ServerError, TaskExecutor, TaskRunner
from conductor.errors import api_error_class
from support.stub import UPDATE_V2, Answer
from support.waiting import eventually

GET_TASK = "GET /tasks/t"
SOUND = {
    "status": 503,
    "code": "INTERNAL_ERROR",
    "message": "down",
    "error": "BACKEND_ERROR",
    "instance": "host",
    "retryable": True,
    "validationErrors": [{"path": "a", "message": "b", "invalidValue": "c"}],
    "metadata": {},
}
MEMBERS = [json.dumps(name).encode() for name in SOUND]
WITHIN_A_FINDING = [f'"validationErrors": [{{"{name}": %b}}]'.encode() for name in ("path", "message", "invalidValue")]
NESTED = [b"[" * depth + b"]" * depth for depth in (300, 900, 950, 980, 990, 2_000, 100_000)]
VALUES = [
    b"null",
    b"true",
    b"-0",
    b"1e999",
    b"9" * 5_000,
    b'""',
    b'"x\\u0000\\u001b[31m\\n"',
    b'"\\ud800"',
    b'"\xff\xfe"',
    b'"%b"' % (b"x" * 1_000_000),
    b"{}",
    b"[]",
    b"[null, 5, [], {}]",
    b'{"a": {"b": []}}',
    b"NaN",
    b"",
    *NESTED,
    *(b'{"a": ' * depth + b"1" + b"}" * depth for depth in (300, 980, 2_000)),
]
BODIES = [
    *(b"{%b: %b}" % (member, value) for member in MEMBERS for value in VALUES),
    *(b"{%b}" % (finding % value) for finding in WITHIN_A_FINDING for value in VALUES),
    *(b'{"message": "down", %b: %b}' % (b'"unknown"', value) for value in VALUES),
    *VALUES,
    b'{"message": "down"',
    b"\xef\xbb\xbf{}",
    b'{"\xff": 1}',
    b'{"validationErrors": [%b]}' % b",".join([b'{"path": "p", "message": "m"}'] * 20_000),
]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500, 503])
def test_an_error_keeps_its_class_with_any_body(stub, api_client, status):
    for body in BODIES:
        stub.answers[GET_TASK].append(Answer(status, body))
        with pytest.raises(ApiError) as caught:
            TaskExecutor(api_client).get_task("t")
        error = caught.value
        assert (type(error), error.status) == (api_error_class(status), status), body[:80]
        for text in (error.message, error.summary):
            assert 0 < len(text) <= 200
            assert text.isprintable()
        assert len(error.error_code) <= 200
        assert len(str(error)) < 250_000
        assert all(line.isprintable() for line in str(error).splitlines())
        assert type(error.retryable) is bool


@pytest.mark.parametrize("member", SOUND)
def test_an_odd_member_costs_the_others_nothing(stub, api_client, member):
    for value in (5, [[]], {"a": 1}, None):
        stub.answers[GET_TASK].append(Answer(503, SOUND | {member: [value]}))
        with pytest.raises(ServerError) as caught:
            TaskExecutor(api_client).get_task("t")
        error = caught.value
        assert error.summary == ("BACKEND_ERROR" if member == "message" else "down")
        assert error.error_code == ("" if member == "error" else "BACKEND_ERROR")
        assert error.retryable == (member != "retryable")
        found = [] if member == "validationErrors" else SOUND["validationErrors"]
        assert error.validation_errors == found


@pytest.mark.parametrize("body", NESTED)
def test_a_result_outlives_an_error_that_is_nested_to_the_limit(stub, api_client, body):
    error = Answer(503, b'{"message": "down", "validationErrors": [{"path": %b}]}' % body)
    stub.answers[UPDATE_V2].append(error)
    stub.add_task("ship")
    with TaskRunner(api_client) as runner:
        runner.start_worker("ship", lambda task: {"n": 1})
        eventually(lambda: len(stub.results()) == 2)
    assert [result["status"] for result in stub.results()] == ["COMPLETED"] * 2
