"""Statuses that this package does not know."""

import copy
import pickle

import msgspec
import pytest
from conductor_client.models import Task, TaskResult, TaskResultStatus, TaskStatus
from conductor_client.types import Decoder


def decode(**members):
    return Decoder(Task).decode(msgspec.json.encode({"taskId": "t", "workflowInstanceId": "w", **members}))


def test_an_unknown_value_is_the_same_object_each_time():
    status = TaskStatus("ELSEWHERE")
    assert decode(status="ELSEWHERE").status is status
    assert copy.deepcopy(status) is status
    assert pickle.loads(pickle.dumps(status)) is status  # noqa: S301 - our own bytes
    assert {status: 1}[TaskStatus("ELSEWHERE")] == 1


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
    with pytest.raises(msgspec.ValidationError):
        decode(status=5)


def test_a_result_may_carry_a_status_of_a_newer_server():
    result = TaskResult("t", "w", TaskResultStatus("NEWCOMER"))
    assert msgspec.json.decode(msgspec.json.encode(result))["status"] == "NEWCOMER"
