"""Payloads in an external storage: fetched before a function begins, and large outputs uploaded."""

import gzip
import json
import logging
import socket
import ssl
import threading
from collections import deque

import pytest
from prometheus_client import CollectorRegistry

from conductor import (
    ApiClient,
    AuthenticationSettings,
    DecodeError,
    HttpSettings,
    Interceptor,
    MetricsCollector,
    PayloadError,
    PayloadSettings,
    TaskExecutor,
    TaskResult,
    TaskResultStatus,
    TaskRunner,
    WorkflowExecutor,
    process_pool,
    task_context,
)
from conductor.payloads import PayloadStorage
from conductor.task_result import LARGEST_OUTPUT
from support.byte_server import OK, ByteServer
from support.pki import Pki
from support.process_functions import work
from support.spelling import as_coroutine
from support.stub import TOKEN, Answer, Stub, error
from support.waiting import eventually

LOCATION = "GET /tasks/external-storage-location"
SECRETS = ("hush-signature", "hush-token", "hush-header", "hush-secret")
INPUT = {"do": "echo", "with": "x" * 1000}
NOTHING_IN_POSTGRESQL = {"Error": "Data with this ID does not exist or has been deleted from the external storage."}
FAILED, FOR_GOOD = "FAILED", "FAILED_WITH_TERMINAL_ERROR"


class Always(deque):
    """The same answer each time."""

    def popleft(self):
        return self[0]


class Addresses:
    """The server's answers about the places of payloads. prefix: of each address."""

    def __init__(self, prefix):
        self.prefix = prefix

    def __call__(self, request):
        path = request.query["path"] or "uploaded.json"
        operation = request.query["operation"]
        return Answer(body={"path": path, "uri": f"{self.prefix}/{path}?op={operation}&sig=hush-signature"})


@pytest.fixture
def storage():
    with Stub() as storage:
        storage.answers["PUT /uploaded.json"] = Always([Answer()])
        yield storage


@pytest.fixture
def addresses(stub, storage):
    addresses = Addresses(storage.url.removesuffix("/api"))
    stub.answers[LOCATION] = Always([addresses])
    stub.answers[TOKEN] = Always([Answer(body={"token": "hush-token"})])
    return addresses


@pytest.fixture
def start(stub, addresses, monkeypatch):
    """Starts a worker for "t", with payload settings."""
    monkeypatch.setattr("conductor.runner.task_payloads.PAUSES", (0.01, 0.01))
    started = []

    def start(function=work, outbox=None, executor=None, lease_extension=False, interceptors=(), **settings):
        api = ApiClient(
            AuthenticationSettings("key", "hush-secret"),
            HttpSettings(stub.url, read_timeout=5, headers={"X-Of-User": "hush-header"}),
            PayloadSettings(**settings),
        )
        runner = TaskRunner(api, shutdown_timeout=5, outbox=outbox, interceptors=interceptors)
        started.append(runner)
        runner.start_worker("t", function, executor=executor, lease_extension=lease_extension)
        return runner

    yield start
    for runner in started:
        runner.shutdown()
        assert runner.wait_workers(10)


@pytest.fixture
def result(stub):
    def result():
        (found,) = eventually(stub.results)
        return found

    return result


def stored(storage, path, *answers):
    storage.answers[f"GET /{path}"].extend(answers)


def add_stored_task(stub, kind="Input", **members):
    payload = {} if kind == "Input" else {"inputData": INPUT}
    return stub.add_task("t", **{"inputData": {}, f"external{kind}PayloadStoragePath": "in.json", **payload, **members})


WHERE = {
    "a thread": {"function": work},
    "a coroutine": {"function": as_coroutine(work)},
    "a process": {"function": work, "executor": process_pool(1)},
}
everywhere = pytest.mark.parametrize("where", WHERE.values(), ids=WHERE)


# Reading


@everywhere
def test_an_input_in_the_storage_is_fetched_before_the_function_begins(stub, storage, start, result, where):
    stored(storage, "in.json", Answer(body=INPUT))
    add_stored_task(stub)
    start(**where)
    found = result()
    assert (found["status"], found["outputData"]["value"]) == ("COMPLETED", INPUT["with"])
    (location,) = stub.of(LOCATION)
    assert location.query == {"path": "in.json", "operation": "READ", "payloadType": "TASK_INPUT"}


@everywhere
def test_an_earlier_output_in_the_storage_is_fetched_too(stub, storage, start, result, where):
    stored(storage, "in.json", Answer(body={"from": "before"}))
    add_stored_task(stub, "Output")
    start(**where)
    assert result()["status"] == "COMPLETED"
    (location,) = stub.of(LOCATION)
    assert location.query["payloadType"] == "TASK_OUTPUT"


def test_a_function_sees_its_payloads_and_no_paths(stub, storage, start, result):
    seen = []
    stored(storage, "in.json", Answer(body={"n": 1}))
    stored(storage, "out.json", Answer(body={"m": 2}))
    add_stored_task(stub, externalOutputPayloadStoragePath="out.json")
    start(lambda task: seen.append((task, task_context().task)))
    result()
    for task in seen[0]:
        assert (task.input_data, task.output_data) == ({"n": 1}, {"m": 2})
        assert task.external_input_payload_storage_path is task.external_output_payload_storage_path is None


def test_the_next_task_that_an_answer_brings_is_fetched_too(stub, storage, start):
    stored(storage, "in.json", Answer(body=INPUT))
    stub.add_task("t", inputData=INPUT)
    following = {
        "taskId": "n",
        "workflowInstanceId": "w",
        "taskType": "t",
        "externalInputPayloadStoragePath": "in.json",
    }
    stub.answers["POST /tasks/update-v2"].append(Answer(body={**following, "inputData": {}}))
    start(as_coroutine(work))
    results = eventually(lambda: len(stub.results()) == 2 and stub.results())
    assert results[1]["outputData"]["value"] == INPUT["with"]


def test_requests_to_a_storage_carry_nothing_of_the_client(stub, storage, start, result):
    stored(storage, "in.json", Answer(body=INPUT))
    add_stored_task(stub)
    start(upload_over=10)
    result()
    get, put = storage.requests
    assert (get.operation, put.operation) == ("GET /in.json", "PUT /uploaded.json")
    for request in (get, put):
        assert request.query["sig"] == "hush-signature"
        common = {"host", "accept", "accept-encoding", "user-agent"}
        assert request.headers.keys() <= common | {"content-type", "content-length"}
    assert put.headers["content-type"] == "application/json"  # S3 checks it, if the address is signed with it
    assert {request.headers["x-authorization"] for request in stub.of(LOCATION)} == {"hush-token"}


FAILURES = {
    "403": (
        Answer(403, "<Code>of hush-signature</Code>"),
        FAILED,
        "it answered 403 Forbidden: the address may have expired",
    ),
    "404": (Answer(404), FAILED, "it answered 404 Not Found: the payload may have been deleted"),
    "500": (Answer(500), FAILED, "it answered 500 Internal Server Error"),
    "204": (Answer(204), FAILED, "it answered 204 No Content"),
    "redirect": (
        Answer(302, headers={"Location": "http://127.0.0.1:1/elsewhere"}),
        FAILED,
        "it answered 302, a redirect, which is not followed",
    ),
    "closed": (Answer(close=True), FAILED, "the connection was closed before an answer came"),
    "cut off": (Answer(body=b"{", headers={"Transfer-Encoding": "chunked"}), FAILED, "the answer is no HTTP"),
    "hangs": (Answer(delay=3), FAILED, "no answer within 0.2 s"),
    "odd encoding": (
        Answer(body=b"{}", headers={"Content-Encoding": "br"}),
        FAILED,
        "a body in an encoding that was not asked for",
    ),
    "unknown to PostgreSQL": (Answer(body=NOTHING_IN_POSTGRESQL), FAILED, "the server has no such payload"),
    "too large": (Answer(body={"a": "x" * 5000}), FOR_GOOD, "it is larger than max_size, 4000 bytes"),
    "too large when unpacked": (
        Answer(body=gzip.compress(b" " * 10**6), headers={"Content-Encoding": "gzip"}),
        FOR_GOOD,
        "it is larger than max_size, 4000 bytes",
    ),
    "no JSON": (Answer(body="<html>"), FOR_GOOD, "it is no JSON object: JSON is malformed"),
    "no object": (Answer(body="[1]"), FOR_GOOD, "it is no JSON object: Expected `object`, got `array`"),
    "empty": (Answer(body=b""), FOR_GOOD, "it is no JSON object"),
    "no text": (Answer(body=b'{"a": "\xff"}'), FOR_GOOD, "it is no JSON object"),
    "too deep": (Answer(body='{"a":' * 1500 + "1" + "}" * 1500), FOR_GOOD, "it is larger"),
}


@pytest.mark.parametrize(("answer", "status", "reason"), FAILURES.values(), ids=FAILURES)
def test_a_payload_that_cannot_be_read_fails_the_task_and_the_reason_names_the_host(
    stub, storage, start, result, caplog, answer, status, reason
):
    caplog.set_level(logging.DEBUG)
    storage.answers["GET /in.json"] = Always([answer])
    task_id = add_stored_task(stub)
    start(max_size=4000, timeout=0.2 if answer.delay else 5)
    found = result()
    assert (found["taskId"], found["status"], found.get("outputData", {})) == (task_id, status, {})
    host = storage.url.removesuffix("/api")
    kind = "PayloadError" if status == FAILED else "UnusablePayloadError"
    said = found["reasonForIncompletion"]
    assert said.startswith(f"{kind}: the task's input could not be read from {host}: {reason}"), said
    assert len(storage.requests) == (3 if status == FAILED else 1)
    assert not [secret for secret in SECRETS if secret in json.dumps(found) + caplog.text]


def test_a_nesting_that_cannot_be_read_fails_the_task_for_good(stub, storage, start, result):
    stored(storage, "in.json", Answer(body='{"a":' * 100_000 + "1" + "}" * 100_000))
    add_stored_task(stub)
    start()
    assert (result()["status"], "nested too deep" in result()["reasonForIncompletion"]) == (FOR_GOOD, True)


@everywhere
def test_a_transfer_is_tried_three_times_with_a_new_address_each_time(stub, storage, start, result, where):
    """Signed addresses of S3 are good for five seconds by default."""
    stored(storage, "in.json", Answer(403), Answer(close=True), Answer(body=INPUT))
    add_stored_task(stub)
    start(**where)
    assert result()["status"] == "COMPLETED"
    assert len(stub.of(LOCATION)) == 3


def test_a_lease_that_has_ended_ends_the_tries(stub, storage, start, result, monkeypatch):
    monkeypatch.setattr("conductor.runner.task_payloads.PAUSES", (60, 60))
    stored(storage, "in.json", Answer(500))
    add_stored_task(stub, responseTimeoutSeconds=2)
    start()
    assert result()["status"] == FAILED
    assert len(storage.requests) == 1


@pytest.mark.parametrize(
    ("prefix", "reason"),
    [
        ("http://storage.example.com", "http://storage.example.com, without TLS"),
        ("https://169.254.169.254", "https://169.254.169.254, which no storage has"),
    ],
)
def test_an_address_that_is_not_allowed_is_not_asked(stub, addresses, start, result, prefix, reason):
    addresses.prefix = prefix
    add_stored_task(stub)
    start()
    assert result()["status"] == FOR_GOOD
    assert f"UnusablePayloadError: the server gave an address at {reason}" in result()["reasonForIncompletion"]
    assert "hush" not in result()["reasonForIncompletion"]


def test_a_host_that_is_not_on_the_list_is_not_asked(stub, storage, start, result):
    add_stored_task(stub)
    start(hosts=["*.amazonaws.com"])
    assert result()["status"] == FOR_GOOD
    assert "not among the hosts" in result()["reasonForIncompletion"]
    assert storage.requests == []


@pytest.mark.parametrize(
    "location",
    [
        Answer(body={"path": "in.json"}),
        Answer(body={"path": "in.json", "uri": None}),
        Answer(body={"path": "in.json", "uri": ""}),
        Answer(body={"path": "in.json", "uri": "/var/payloads7/in.json"}),
        Answer(body={"path": "in.json", "uri": "file:///var/payloads7/in.json"}),
        error(404, "No static resource api/tasks/external-storage-location."),
    ],
)
@everywhere
def test_without_an_address_the_task_fails_for_good_with_a_reason_that_names_the_setting(
    stub, start, result, where, location
):
    stub.answers[LOCATION] = Always([location])
    add_stored_task(stub)
    start(**where)
    assert result()["status"] == FOR_GOOD
    assert result()["reasonForIncompletion"].startswith("PayloadElsewhereError: the task's input lies in")
    assert "conductor.app.taskInputPayloadSizeThreshold" in result()["reasonForIncompletion"]


def test_a_server_that_fails_to_give_an_address_is_asked_again(stub, storage, start, result):
    addresses = stub.answers[LOCATION][0]
    stub.answers[LOCATION] = deque([error(503, "later"), Answer(close=True), Answer(close=True), addresses])
    stored(storage, "in.json", Answer(body=INPUT))
    add_stored_task(stub)
    start()
    assert result()["status"] == "COMPLETED"


def test_reading_can_be_switched_off(stub, storage, start, result):
    add_stored_task(stub)
    start(read=False)
    assert result()["reasonForIncompletion"].startswith("PayloadElsewhereError")
    assert "PayloadSettings(read=False) is set" in result()["reasonForIncompletion"]
    assert stub.of(LOCATION) == storage.requests == []


def test_the_lease_is_extended_during_a_download(stub, storage, start, result):
    stored(storage, "in.json", Answer(body=INPUT, delay=1.2))
    add_stored_task(stub, responseTimeoutSeconds=1)
    start(lease_extension=True)
    extensions = eventually(lambda: [each for each in stub.results() if each.get("extendLease")])
    assert extensions
    assert eventually(lambda: [each for each in stub.results() if each["status"] == "COMPLETED"])


def test_coroutines_run_while_the_storage_hangs(stub, storage, start):
    opened = threading.Event()
    stored(storage, "in.json", lambda request: opened.wait(20) and Answer(body=INPUT))
    add_stored_task(stub)
    runner = start(as_coroutine(work))
    runner.set_batch_size("t", 2)
    stub.add_task("t", inputData=INPUT)
    first = eventually(stub.results)
    opened.set()
    results = eventually(lambda: len(stub.results()) == 2 and stub.results())
    assert [each["taskId"] for each in results] == ["t2", "t1"]
    assert first[0]["taskId"] == "t2"


def test_a_drain_that_ends_during_a_download_hands_the_task_back(stub, storage, addresses):
    opened = threading.Event()
    stored(storage, "in.json", lambda request: opened.wait(20) and Answer(body=INPUT))
    for spell in (work, as_coroutine(work)):
        stub.requests.clear()
        task_id = add_stored_task(stub, externalOutputPayloadStoragePath="out.json")
        with ApiClient(http_settings=HttpSettings(stub.url)) as api:
            runner = TaskRunner(api, shutdown_timeout=0)
            runner.start_worker("t", spell)
            eventually(lambda: stub.of(LOCATION))
            runner.shutdown()
            runner.wait_workers()
        (found,) = stub.results()
        assert (found["taskId"], found["status"]) == (task_id, "IN_PROGRESS")
        assert found["externalOutputPayloadStoragePath"] == "out.json"
    opened.set()


# Writing


@everywhere
def test_an_output_over_the_limit_is_uploaded_and_the_result_names_its_path(stub, storage, start, result, where):
    stub.add_task("t", inputData=INPUT)
    start(**where, upload_over=900)
    found = result()
    assert (found["status"], found.get("outputData", {})) == ("COMPLETED", {})
    assert found["externalOutputPayloadStoragePath"] == "uploaded.json"
    assert storage.requests[0].json()["value"] == INPUT["with"]
    (location,) = stub.of(LOCATION)
    assert location.query == {"path": "", "operation": "WRITE", "payloadType": "TASK_OUTPUT"}


@everywhere
def test_an_output_up_to_the_limit_is_sent_with_the_result(stub, storage, start, result, where):
    stub.add_task("t", inputData=INPUT)
    start(**where, upload_over=2000)
    assert result()["outputData"]["value"] == INPUT["with"]
    assert stub.of(LOCATION) == storage.requests == []


@everywhere
def test_an_output_over_the_servers_limit_can_be_uploaded(stub, storage, start, result, where):
    stub.add_task("t", inputData={"do": "echo", "with": "x" * (11 << 20)})
    start(**where, upload_over=1 << 20)
    assert result()["externalOutputPayloadStoragePath"] == "uploaded.json"


@everywhere
def test_an_output_over_max_size_fails_the_task_for_good(stub, storage, start, result, where):
    stub.add_task("t", inputData=INPUT)
    start(**where, upload_over=100, max_size=500)
    assert result()["status"] == FOR_GOOD
    assert "where max_size is 500" in result()["reasonForIncompletion"]
    assert storage.requests == []


def test_the_output_of_a_task_that_is_put_back_is_uploaded_too(stub, start, result):
    def put_back(task):
        found = TaskResult.from_task(task)
        found.status, found.output_data = TaskResultStatus.IN_PROGRESS, INPUT
        return found

    stub.add_task("t")
    start(put_back, upload_over=100)
    assert (result()["status"], result().get("outputData", {})) == ("IN_PROGRESS", {})
    assert result()["externalOutputPayloadStoragePath"] == "uploaded.json"


class Proceeds(Interceptor):
    def execute(self, task, proceed):
        return proceed()


@everywhere
def test_an_output_that_is_too_large_for_the_server_is_uploaded_with_interceptors_too(
    stub, storage, start, result, where
):
    stub.add_task("t", inputData={"do": "echo", "with": "x" * LARGEST_OUTPUT})
    start(**where, upload_over=100, interceptors=[Proceeds()])
    assert result()["status"] == "COMPLETED", result()["reasonForIncompletion"]
    assert result()["externalOutputPayloadStoragePath"] == "uploaded.json"


@everywhere
def test_an_upload_that_fails_fails_the_task_and_says_that_the_output_is_lost(
    stub, storage, start, result, caplog, where
):
    storage.answers["PUT /uploaded.json"] = Always([Answer(503)])
    stub.add_task("t", inputData=INPUT)
    start(**where, upload_over=100)
    found = result()
    assert (found["status"], found.get("outputData", {})) == (FAILED, {})
    assert "externalOutputPayloadStoragePath" not in found
    said = found["reasonForIncompletion"]
    assert said.startswith("the output is lost: PayloadError: the task's output, of 1"), said
    assert said.endswith(": it answered 503 Service Unavailable")
    assert len(storage.requests) == 3
    assert f"t: {said} (task_id='{found['taskId']}'" in caplog.text
    assert not [secret for secret in SECRETS if secret in json.dumps(found) + caplog.text]


def set_and_fail(task):
    task_context().set_output(INPUT)
    raise ValueError("mine")


@pytest.mark.parametrize(("status", "path"), [(200, "uploaded.json"), (503, None)])
def test_the_output_of_a_function_that_fails_is_uploaded_or_else_left_out(stub, storage, start, result, status, path):
    storage.answers["PUT /uploaded.json"] = Always([Answer(status)])
    stub.add_task("t")
    start(set_and_fail, upload_over=100)
    assert (result()["status"], result()["reasonForIncompletion"]) == (FAILED, "ValueError: mine")
    assert (result().get("outputData", {}), result().get("externalOutputPayloadStoragePath")) == ({}, path)


def test_an_output_that_is_set_may_be_as_large_as_an_upload(stub, storage, start, result):
    stub.add_task("t")
    start(lambda task: task_context().set_output({"text": "x" * (11 << 20)}), upload_over=1 << 20)
    assert (result()["status"], result()["externalOutputPayloadStoragePath"]) == ("COMPLETED", "uploaded.json")


def test_a_result_keeps_its_logs_if_its_upload_fails(stub, storage, start, result):
    def log(task):
        task_context().log("kept")
        return INPUT

    storage.answers["PUT /uploaded.json"] = Always([Answer(403)])
    stub.add_task("t")
    start(log, upload_over=100)
    assert [entry["log"] for entry in result()["logs"]] == ["kept"]


def test_an_upload_goes_to_no_host_that_is_not_allowed(stub, storage, start, result):
    stub.add_task("t", inputData=INPUT)
    start(upload_over=100, hosts=["*.amazonaws.com"])
    assert result()["status"] == FOR_GOOD
    assert "is lost: UnusablePayloadError: the server gave an address at" in result()["reasonForIncompletion"]
    assert storage.requests == []


@pytest.mark.parametrize("can_be_read", [False, True])
def test_without_a_storage_that_takes_it_an_output_is_sent_with_the_result(stub, storage, start, can_be_read):
    """As far as the server takes it. Addresses of a server on PostgreSQL can only be read (3.32.3)."""
    storage.answers["PUT /uploaded.json"] = Always([Answer(405)])
    if not can_be_read:
        stub.answers[LOCATION] = Always([Answer(body={"path": "x.json"})])
    small = stub.add_task("t", inputData=INPUT)
    start(upload_over=100)
    (found,) = eventually(stub.results)
    assert (found["taskId"], found["outputData"]["value"]) == (small, INPUT["with"])
    large = stub.add_task("t", inputData={"do": "echo", "with": "x" * (11 << 20)})
    found = eventually(lambda: len(stub.results()) == 2 and stub.results()[1])
    assert (found["taskId"], found["status"], found.get("outputData", {})) == (large, FOR_GOOD, {})
    assert "and no storage takes more" in found["reasonForIncompletion"]


def test_the_outbox_keeps_the_small_result(stub, storage, start, result, tmp_path):
    stub.answers["POST /tasks/update-v2"] = Always([error(503, "later")])
    stub.answers["POST /tasks"] = Always([error(503, "later")])
    stub.add_task("t", inputData={"do": "echo", "with": "x" * 50_000})
    runner = start(upload_over=1000, outbox=tmp_path / "outbox.db")
    eventually(stub.results)
    kept = (tmp_path / "outbox.db").read_bytes() + (tmp_path / "outbox.db-wal").read_bytes()
    assert b"uploaded.json" in kept
    assert b"x" * 2000 not in kept
    stub.answers.pop("POST /tasks/update-v2"), stub.answers.pop("POST /tasks")
    runner.shutdown()


def test_small_results_of_coroutines_are_sent_while_uploads_hang(stub, storage, start):
    opened = threading.Event()
    storage.answers["PUT /uploaded.json"] = Always([lambda request: opened.wait(20) and Answer()])
    for _ in range(31):
        stub.add_task("t", inputData=INPUT)
    runner = start(as_coroutine(work), upload_over=500)
    runner.set_batch_size("t", 40)
    eventually(lambda: len(storage.requests) == 30)
    small = stub.add_task("t", inputData={"do": "echo"})
    (found,) = eventually(stub.results)
    assert found["taskId"] == small
    opened.set()
    eventually(lambda: len(stub.results()) == 32)


def test_payloads_are_counted_in_both_directions(stub, storage, start, result):
    registry = CollectorRegistry()
    registry.register(MetricsCollector())

    def counted(operation, payload_type):
        labels = {"entityName": "t", "operation": operation, "payloadType": payload_type}
        return registry.get_sample_value("external_payload_used_total", labels) or 0.0

    kinds = ("READ", "TASK_INPUT"), ("WRITE", "TASK_OUTPUT")
    before = [counted(*kind) for kind in kinds]
    stored(storage, "in.json", Answer(body=INPUT))
    add_stored_task(stub)
    start(upload_over=100)
    result()
    assert [counted(*kind) for kind in kinds] == [count + 1 for count in before]


# Executors


def test_an_executor_reads_the_payloads_of_a_task_on_request(stub, storage, addresses):
    task = {"taskId": "a", "workflowInstanceId": "w", "inputData": {}, "externalInputPayloadStoragePath": "in.json"}
    stub.answers["GET /tasks/a"] = Always([Answer(body=task)])
    stored(storage, "in.json", Answer(body=INPUT))
    with ApiClient(http_settings=HttpSettings(stub.url)) as api:
        executor = TaskExecutor(api)
        assert executor.get_task("a").input_data == {}
        assert executor.get_task("a", fetch_payloads=True).input_data == INPUT
        storage.answers["GET /in.json"] = Always([Answer(500)])
        with pytest.raises(PayloadError, match="could not be read from http://127.0.0.1:"):
            executor.get_task("a", fetch_payloads=True)
        stub.answers[LOCATION] = Always([Answer(body={"path": "in.json"})])
        with pytest.raises(PayloadError, match="the task's input lies in the server's external storage"):
            executor.get_task("a", fetch_payloads=True)


def test_an_executor_reads_the_payloads_of_a_workflow_and_its_tasks_on_request(stub, storage, addresses):
    task = {"taskId": "a", "workflowInstanceId": "w", "externalOutputPayloadStoragePath": "to.json"}
    paths = {"externalInputPayloadStoragePath": "wi.json", "externalOutputPayloadStoragePath": "wo.json"}
    stub.answers["GET /workflow/w"].append(Answer(body={"workflowId": "w", "tasks": [task], **paths}))
    for path in ("to.json", "wi.json", "wo.json"):
        stored(storage, path, Answer(body={"from": path}))
    with ApiClient(http_settings=HttpSettings(stub.url)) as api:
        workflow = WorkflowExecutor(api).get_workflow("w", fetch_payloads=True)
    assert (workflow.input, workflow.output) == ({"from": "wi.json"}, {"from": "wo.json"})
    assert workflow.tasks[0].output_data == {"from": "to.json"}
    types = [request.query["payloadType"] for request in stub.of(LOCATION)]
    assert types == ["WORKFLOW_INPUT", "WORKFLOW_OUTPUT", "TASK_OUTPUT"]


def test_an_output_in_the_storage_is_read_as_a_type(stub, storage, addresses):
    stub.answers["POST /workflow/execute/w/0"].append(Answer(body={"targetWorkflowId": "w"}))
    body = {"workflowId": "w", "status": "COMPLETED", "externalOutputPayloadStoragePath": "wo.json"}
    stub.answers["GET /workflow/w"] = Always([Answer(body=body)])
    storage.answers["GET /wo.json"] = Always([Answer(body={"total": 7})])
    with ApiClient(http_settings=HttpSettings(stub.url)) as api:
        workflows = WorkflowExecutor(api)
        assert workflows.get_output("w", dict[str, int]) == {"total": 7}
        assert workflows.execute_workflow("w", output_type=dict[str, int]) == {"total": 7}
        with pytest.raises(DecodeError, match=r"does not fit: \$.total: expected str, got int"):
            workflows.get_output("w", dict[str, str])


# The way to the storage


def get_through(proxy, base_url, **settings):
    task = {"taskId": "a", "workflowInstanceId": "w", "externalInputPayloadStoragePath": "in.json"}
    proxy.answers["GET /tasks/a"].append(Answer(body=task))
    api = ApiClient(http_settings=HttpSettings(base_url, **settings), payload_settings=PayloadSettings(allow_http=True))
    with api:
        return TaskExecutor(api).get_task("a", fetch_payloads=True).input_data


def test_a_proxy_of_the_settings_is_used_for_the_storage_too(storage):
    proxy = storage  # it answers in the place of both
    proxy.answers[LOCATION] = Always([Addresses("http://storage.test:81")])
    stored(proxy, "in.json", Answer(body=INPUT))
    proxy_url = proxy.url.removesuffix("/api").replace("//", "//user:of-the-proxy@")
    assert get_through(proxy, "http://conductor.test", proxy_url=proxy_url) == INPUT
    (request,) = proxy.of("GET /in.json")
    assert request.headers["host"] == "storage.test:81"
    assert request.headers["proxy-authorization"].startswith("Basic ")


def test_the_environment_may_name_a_proxy_for_the_storage_alone(stub, storage, monkeypatch):
    monkeypatch.setenv("http_proxy", storage.url.removesuffix("/api"))
    stub.answers[LOCATION] = Always([Addresses("http://storage.test")])
    stored(storage, "in.json", Answer(body=INPUT))
    stub.answers["GET /tasks/a"] = storage.answers["GET /tasks/a"]
    assert get_through(storage, stub.url) == INPUT
    (request,) = storage.of("GET /in.json")
    assert request.headers["host"] == "storage.test"


def test_a_proxy_of_the_environment_that_is_no_url_fails_the_task(stub, storage, start, addresses, result, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://:not a url")
    addresses.prefix = "http://storage.test"
    add_stored_task(stub)
    start(allow_http=True)
    assert result()["status"] == FAILED
    assert "the proxy holds a space" in result()["reasonForIncompletion"]


def test_azure_is_told_the_kind_of_a_blob(stub, storage):
    """It refuses an upload otherwise; other storages are told nothing."""
    uri = f"{storage.url.removesuffix('/api')}/uploaded.json?sv=2024-11-04&se=2026-01-01&sr=b&sp=rw&sig=hush"
    stub.answers[LOCATION] = Always([Answer(body={"path": "uploaded.json", "uri": uri})])
    with ApiClient(http_settings=HttpSettings(stub.url)) as api:
        assert PayloadStorage(api).write(b"{}", "TASK_OUTPUT") == "uploaded.json"
    (request,) = storage.of("PUT /uploaded.json")
    assert request.headers["x-ms-blob-type"] == "BlockBlob"


# TLS


@pytest.mark.parametrize("knows", [True, False])
def test_the_certificate_of_a_storage_is_checked_even_if_that_of_the_server_is_not(
    stub, addresses, start, result, tmp_path, knows
):
    pki = Pki(tmp_path)
    with Stub(tls=pki.server()) as storage:
        addresses.prefix = storage.url.removesuffix("/api")
        stored(storage, "in.json", Answer(body=INPUT))
        task = {"taskId": "a", "workflowInstanceId": "w", "externalInputPayloadStoragePath": "in.json"}
        stub.answers["GET /tasks/a"].append(Answer(body=task))
        settings = HttpSettings(stub.url, verify=False, ca_file=pki.ca_file if knows else None)
        with ApiClient(http_settings=settings) as api:
            get = TaskExecutor(api).get_task
            if knows:
                assert get("a", fetch_payloads=True).input_data == INPUT
            else:
                with pytest.raises(PayloadError, match="certificate not accepted"):
                    get("a", fetch_payloads=True)


def test_a_storage_does_not_see_the_client_certificate(stub, tmp_path):
    pki, seen = Pki(tmp_path), []
    tls = pki.server()
    tls.verify_mode = ssl.CERT_OPTIONAL

    def answer(connection, done):
        seen.append(connection.getpeercert())
        connection.sendall(OK + b"Content-Length: 2\r\n\r\n{}")

    (tmp_path / "client.pem").write_bytes(
        pki.client.private_key_pem.bytes() + b"".join(each.bytes() for each in pki.client.cert_chain_pems)
    )
    with ByteServer(answer, tls=tls) as storage:
        stub.answers[LOCATION].append(Answer(body={"path": "k", "uri": f"{storage.url}/k"}))
        settings = HttpSettings(stub.url, ca_file=pki.ca_file, client_cert=tmp_path / "client.pem")
        with ApiClient(http_settings=settings) as api:
            assert PayloadStorage(api).read("k", "TASK_INPUT") == {}
    assert seen in ([{}], [None])


def test_a_body_that_is_announced_to_be_too_large_is_not_read(stub, addresses, start, result):
    """Its storage would send for as long as somebody reads."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        addresses.prefix = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def serve():
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n{")
                connection.recv(1)  # until the client closes it

        thread = threading.Thread(target=serve)
        thread.start()
        add_stored_task(stub)
        start(max_size=1000)
        assert "it is larger than max_size, 1000 bytes" in result()["reasonForIncompletion"]
        thread.join(5)
        assert not thread.is_alive()
