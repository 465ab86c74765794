"""A TaskResult that is given to an executor as an output."""

import socket
from datetime import timedelta

import msgspec
import pytest

from conductor import ConfigurationError, DecodeError, TaskExecLog, TaskExecutor, TaskResult, TaskResultStatus, models
from conductor.task_result import LARGEST_OUTPUT


def full():
    result = TaskResult(
        "other",
        "other",
        TaskResultStatus.FAILED,
        output_data={"k": "v"},
        reason_for_incompletion="not yet",
        callback_after_seconds=timedelta(seconds=1.2),
        external_output_payload_storage_path="a/path.json",
        sub_workflow_id="sub",
        worker_id="me",
    )
    result.add_log("half done")
    return result


def test_all_that_it_holds_is_sent_but_its_ids_and_status(stub, api_client):
    result = full()
    before = msgspec.structs.asdict(result)
    TaskExecutor(api_client).update_task("t", "w", "IN_PROGRESS", result)
    sent = stub.requests[0].json()
    assert (sent["taskId"], sent["workflowInstanceId"], sent["status"]) == ("t", "w", "IN_PROGRESS")
    assert (sent["outputData"], sent["reasonForIncompletion"], sent["callbackAfterSeconds"]) == (
        {"k": "v"},
        "not yet",
        2,
    )
    assert [entry["log"] for entry in sent["logs"]] == ["half done"]
    assert (sent["workerId"], sent["subWorkflowId"]) == ("me", "sub")
    assert sent["externalOutputPayloadStoragePath"] == "a/path.json"
    assert msgspec.structs.asdict(result) == before  # which is the caller's own


@pytest.mark.parametrize("callback", [0, 5])
def test_what_the_call_gives_comes_first(stub, api_client, callback):
    given = {"reason_for_incompletion": "soon", "callback_after_seconds": callback}
    TaskExecutor(api_client).update_task("t", "w", "IN_PROGRESS", full(), **given)
    sent = stub.requests[0].json()
    assert (sent["reasonForIncompletion"], sent.get("callbackAfterSeconds", 0)) == ("soon", callback)
    assert sent["outputData"] == {"k": "v"}


def test_one_without_a_list_of_logs_is_sent_too(stub, api_client):
    TaskExecutor(api_client).update_task("t", "w", "COMPLETED", TaskResult("t", "w", logs=None))
    assert stub.requests[0].json()["taskId"] == "t"


@pytest.mark.parametrize("kind", [TaskResult, models.TaskResult])
def test_an_empty_one_is_an_empty_output(stub, api_client, kind):
    TaskExecutor(api_client).update_task("t", "w", "COMPLETED", kind("t", "w", TaskResultStatus.FAILED))
    sent = stub.requests[0].json()
    assert sent.pop("workerId") == socket.gethostname()
    assert sent.pop("callbackAfterSeconds", 0) == 0
    assert sent == {"taskId": "t", "workflowInstanceId": "w", "status": "COMPLETED"}


def test_more_logs_than_a_server_takes_become_ten(stub, api_client):
    result = TaskResult("t", "w")
    for number in range(25):
        result.add_log(f"line {number}")
    TaskExecutor(api_client).update_task("t", "w", "COMPLETED", result)
    logs = [entry["log"] for entry in stub.requests[0].json()["logs"]]
    assert len(logs) == 10
    assert "\n".join(logs).splitlines() == [f"line {number}" for number in range(25)]


BAD = {
    "output.output_data.x: object has no JSON form": {"output_data": {"x": object()}},
    "output.sub_workflow_id: object has no JSON form": {"sub_workflow_id": object()},
    "output.external_output_payload_storage_path: text that is not valid Unicode": {
        "external_output_payload_storage_path": "\ud800"
    },
    "output.logs must be TaskExecLogs, not 'half done'": {"logs": "half done"},
    r"output.logs must be TaskExecLogs, not \['half done'\]": {"logs": ["half done"]},
    "output.logs must be TaskExecLogs, not 5": {"logs": 5},
    "callback_after_seconds must be at least 0 s, not -1 s": {"callback_after_seconds": -1},
    "callback_after_seconds must be a number of seconds or a timedelta, not 'soon'": {"callback_after_seconds": "soon"},
    "output.extend_lease must not be set": {"extend_lease": True},
}


@pytest.mark.parametrize("problem", BAD)
def test_one_that_cannot_be_sent_is_refused_by_the_member(stub, api_client, problem):
    with pytest.raises(ConfigurationError, match=f"^{problem}"):
        TaskExecutor(api_client).update_task("t", "w", "COMPLETED", TaskResult("t", "w", **BAD[problem]))
    assert stub.requests == []


BY_REFERENCE = {
    "update_task_by_ref_name": ("r", "w", "COMPLETED"),
    "update_task_by_ref_name_sync": ("r", "w", "COMPLETED"),
    "signal": ("w", "COMPLETED"),
}


@pytest.mark.parametrize("method", BY_REFERENCE)
@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("reason_for_incompletion", "not yet"),
        ("callback_after_seconds", 5),
        ("logs", [TaskExecLog("half done")]),
        ("external_output_payload_storage_path", "a/path.json"),
        ("sub_workflow_id", "sub"),
        ("extend_lease", True),
    ],
)
def test_by_reference_a_member_that_would_not_be_sent_is_named(stub, api_client, method, member, value):
    result = TaskResult("t", "w", output_data={"k": "v"}, **{member: value})
    with pytest.raises(ConfigurationError, match=f"^output must not hold {member}: .* update_task"):
        getattr(TaskExecutor(api_client), method)(*BY_REFERENCE[method], result)
    assert stub.requests == []


@pytest.mark.parametrize("method", BY_REFERENCE)
@pytest.mark.parametrize(("output_data", "sent"), [({"k": "v"}, {"k": "v"}), (5, {"result": 5}), (None, {})])
def test_by_reference_its_output_is_sent(stub, api_client, method, output_data, sent):
    result = TaskResult("t", "other", TaskResultStatus.FAILED, output_data=output_data, worker_id="me")
    try:
        getattr(TaskExecutor(api_client), method)(*BY_REFERENCE[method], result)
    except DecodeError:
        assert method == "update_task_by_ref_name_sync"  # the stub's answer is no workflow
    (request,) = stub.requests
    assert request.json() == sent
    assert "COMPLETED" in request.operation
    assert request.query.get("workerid", "me") == "me"


@pytest.mark.parametrize("as_result", [False, True])
@pytest.mark.parametrize("method", ["update_task", "update_task_by_ref_name", "update_task_by_ref_name_sync", "signal"])
def test_an_output_that_a_server_would_refuse_is_not_sent(stub, api_client, method, as_result):
    output = {"text": "x" * LARGEST_OUTPUT}
    size = LARGEST_OUTPUT + len('{"text":""}')
    name = "output.output_data" if as_result else "output"
    targets = ["w"] if method == "signal" else ["t", "w"]
    with pytest.raises(ConfigurationError, match=f"^{name} of {size} bytes of JSON, where a server takes 10485760$"):
        getattr(TaskExecutor(api_client), method)(
            *targets, "COMPLETED", TaskResult("", "", output_data=output) if as_result else output
        )
    assert stub.requests == []
