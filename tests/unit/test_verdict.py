"""The meaning of each error for the result that was sent."""

import pytest

from conductor import ApiError, ConflictError, DecodeError, NotFoundError, RateLimitedError, ServerError, TransportError
from conductor.delivery.verdict import CannotBeSentError, TaskHasEndedError, Verdict, verdict_of
from conductor.errors import AuthenticationError


def answered(status, message="no", kind=ApiError, *, conductor=True):
    return kind(status, "POST", "/tasks", message, conductor=conductor)


@pytest.mark.parametrize(
    "error",
    [
        TransportError("refused"),
        DecodeError("a 200 that is a proxy's page"),
        answered(500, "database is locked", ServerError),
        answered(503, "busy", ServerError, conductor=False),
        answered(429, kind=RateLimitedError),
        answered(401, kind=AuthenticationError),
        answered(403, kind=AuthenticationError),
        answered(302, conductor=False),
        answered(405, conductor=False),
        answered(404, "No static resource api/tasks.", NotFoundError),
        answered(404, "No such task found by id: t1", NotFoundError, conductor=False),
    ],
    ids=repr,
)
def test_the_same_result_can_still_be_accepted(error):
    assert verdict_of(error) is Verdict.LATER


@pytest.mark.parametrize(
    "error",
    [
        answered(500, "JSON parse error: too deep", ServerError),
        answered(400),
        answered(413, conductor=False),
        answered(422, conductor=False),
        answered(405),
        CannotBeSentError("RecursionError while it was sent"),
    ],
    ids=repr,
)
def test_this_result_is_never_accepted(error):
    assert verdict_of(error) is Verdict.REFUSED


@pytest.mark.parametrize(
    "error",
    [
        answered(404, "No such task found by id: t1", NotFoundError),
        answered(404, "No such workflow found by id: w1", NotFoundError),
        answered(409, kind=ConflictError),
        TaskHasEndedError("the task is COMPLETED by now"),
    ],
    ids=repr,
)
def test_nobody_waits_for_a_result_of_this_task_any_more(error):
    assert verdict_of(error) is Verdict.GONE
