"""Statuses that this package does not know."""

import copy
import pickle
import tracemalloc

import msgspec
import pytest
from conductor_client.models import Task, TaskResult, TaskResultStatus, TaskStatus
from conductor_client.decoding import Decoder


DECODER = Decoder(Task, whole=False)


def decode(**members):
    return DECODER.decode(msgspec.json.encode({"taskId": "t", "workflowInstanceId": "w", **members}))


def test_an_unknown_value_is_equal_to_its_text_and_to_itself_however_it_is_copied():
    status = TaskStatus("ELSEWHERE")
    for same in (decode(status="ELSEWHERE").status, copy.deepcopy(status), pickle.loads(pickle.dumps(status))):  # noqa: S301 - our own bytes
        assert type(same) is TaskStatus
        assert same == status == "ELSEWHERE"
        assert {status: 1}[same] == 1
        assert f"{same}" == same.value == "ELSEWHERE"


def test_values_that_a_server_invents_are_not_kept():
    for value in ("WARM_UP", "x" * 101):
        decode(status=value)
    tracemalloc.start()
    try:
        for number in range(2_000):
            decode(status=f"{number}".ljust(100, "x"))
            decode(status=f"{number}".ljust(10_000, "x"))
        assert tracemalloc.get_traced_memory()[0] < 100_000
    finally:
        tracemalloc.stop()


def test_what_is_too_long_for_a_value_is_none():
    assert decode(status="x" * 100).status == "x" * 100
    assert decode(status="x" * 101).status is None
    with pytest.raises(ValueError, match="is not a valid TaskStatus"):
        TaskStatus("x" * 101)


def test_enums_do_not_share_their_unknown_values():
    assert type(TaskStatus("SHARED")) is TaskStatus
    assert type(TaskResultStatus("SHARED")) is TaskResultStatus


def test_an_unknown_value_does_not_become_a_member():
    TaskStatus("NEWCOMER")
    assert "NEWCOMER" not in TaskStatus.__members__
    assert "NEWCOMER" not in list(TaskStatus)


def test_a_known_value_reads_as_itself():
    assert decode(status="COMPLETED").status is TaskStatus.COMPLETED
    assert f"{TaskStatus.COMPLETED}" == "COMPLETED"
    assert TaskStatus.COMPLETED == "COMPLETED"


def test_what_is_no_text_is_refused():
    with pytest.raises(ValueError, match="5 is not a valid TaskStatus"):
        TaskStatus(5)
    assert decode(status=5).status is None


def test_a_result_may_carry_a_status_of_a_newer_server():
    result = TaskResult("t", "w", TaskResultStatus("NEWCOMER"))
    assert msgspec.json.decode(msgspec.json.encode(result))["status"] == "NEWCOMER"
