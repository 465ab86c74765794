"""A worker registers the task definition that comes with it, before its first poll."""

import json
import logging
import threading
from dataclasses import dataclass

import pytest

from conductor import ApiClient, HttpSettings, TaskDef, TaskRunner
from conductor.testing import FakeTaskClient
from support.stub import POLL, Answer, error
from support.waiting import eventually

READ, REGISTER = "GET /metadata/taskdefs/", "POST /metadata/taskdefs"
NONE = error(404, "No such taskType found by name: t")
SERVED = {"name": "t", "responseTimeoutSeconds": 60, "retryCount": 3}


@pytest.fixture
def said(caplog):
    """A function: (level, text) of what was logged of definitions so far."""
    caplog.set_level(logging.INFO, "conductor.runner")
    names = ("conductor.runner.definitions", "conductor.runner.resources")
    return lambda: [(record.levelname, record.getMessage()) for record in caplog.records if record.name in names]


def start(runner, task_def=None, execute=lambda task: None, **options):
    task_def = {"responseTimeoutSeconds": 60} if task_def is None else task_def
    runner.start_worker(
        "t", execute, poll_interval=0.02, poll_timeout=0.02, task_def=task_def, **{"register": True, **options}
    )


def thread_names():
    return [thread.name for thread in threading.enumerate()]


def operations(stub):
    """The distinct operations, in the order of their first requests."""
    return list(dict.fromkeys(request.operation for request in stub.requests))


def test_it_is_registered_before_the_first_poll_if_the_server_has_none(said, stub, runner):
    stub.answers[READ].append(NONE)
    stub.answers[REGISTER].append(Answer())
    start(runner)
    eventually(lambda: stub.of(POLL))
    assert operations(stub) == [f"{READ}t", REGISTER, f"{POLL}t"]
    assert stub.of(REGISTER)[0].json() == [{"name": "t", "responseTimeoutSeconds": 60}]
    assert said() == [("INFO", "t: its task definition is registered")]


@pytest.mark.parametrize("form", [TaskDef, dict, "text", "file"])
def test_it_may_be_given_in_all_forms_of_a_definition(stub, runner, tmp_path, form):
    given = {"name": "t", "responseTimeoutSeconds": 60}
    if form is TaskDef:
        given = TaskDef("t", response_timeout_seconds=60)
    elif form == "text":
        given = json.dumps(given)
    elif form == "file":
        given = tmp_path / "t.json"
        given.write_text('{"responseTimeoutSeconds": 60}')
    stub.answers[READ].append(NONE)
    stub.answers[REGISTER].append(Answer())
    start(runner, given)
    eventually(lambda: stub.of(POLL))
    assert stub.of(REGISTER)[0].json() == [{"name": "t", "responseTimeoutSeconds": 60}]


def test_a_definition_of_the_server_stays_and_a_difference_is_logged(said, stub, runner):
    stub.answers[READ].append(Answer(body={**SERVED, "retryCount": 7}))
    start(runner, {"retryCount": 5, "responseTimeoutSeconds": 60, "description": None})
    eventually(lambda: stub.of(POLL))
    assert stub.of(REGISTER) == []
    difference = "t: the task definition of the server differs from task_def: retryCount is 7, and not 5"
    assert said() == [("WARNING", difference)]


def test_it_is_overwritten_on_request(said, stub, runner):
    stub.answers[REGISTER].append(Answer())
    start(runner, {"retryCount": 5, "responseTimeoutSeconds": 60}, overwrite=True)
    eventually(lambda: stub.of(POLL))
    assert stub.of(REGISTER)[0].json() == [{"name": "t", "retryCount": 5, "responseTimeoutSeconds": 60}]
    assert operations(stub) == [REGISTER, f"{POLL}t"]
    assert said() == [("INFO", "t: its task definition is registered")]


def test_without_register_it_is_compared_after_the_first_poll_and_not_sent(said, stub, runner):
    stub.answers[READ].append(NONE)
    start(runner, register=False)
    eventually(said)
    assert operations(stub) == [f"{POLL}t", f"{READ}t"]
    assert said()[0][1].startswith("no task definition is named t: is the name right?")


def test_a_refusal_is_logged_and_the_worker_polls(said, stub, runner):
    stub.answers[READ].append(NONE)
    stub.answers[REGISTER].append(error(400, "ownerEmail cannot be empty"))
    start(runner)
    stub.add_task("t")
    eventually(stub.results)
    ((level, text),) = said()
    assert level == "ERROR"
    assert text.startswith("t: its task definition is not registered: POST /metadata/taskdefs answered 400: ownerEmail")
    assert len(stub.of(REGISTER)) == 1


@pytest.mark.parametrize("missing", [Answer(404, "<html>", "text/html"), error(403, "not allowed")])
def test_a_server_that_does_not_tell_is_no_server_without_a_definition(said, stub, runner, missing):
    stub.answers[READ].append(missing)
    start(runner)
    eventually(lambda: stub.of(POLL))
    assert stub.of(REGISTER) == []
    assert [level for level, _ in said()] == ["ERROR"]


@pytest.mark.parametrize("failure", [Answer(close=True), error(503, "starting"), Answer(429), Answer(200, "<html>")])
def test_a_server_that_cannot_answer_yet_is_asked_again_before_the_first_poll(said, stub, runner, failure):
    stub.answers[READ].extend([failure, failure, NONE])
    stub.answers[REGISTER].append(Answer())
    start(runner)
    eventually(lambda: stub.of(POLL))
    assert operations(stub) == [f"{READ}t", REGISTER, f"{POLL}t"]
    (first, text), *rest = said()
    assert first == "WARNING"
    assert text.startswith("t: its task definition is not registered yet, and the first poll waits up to 10 s for it: ")
    assert rest == [("INFO", "t: its task definition is registered")]


def test_after_a_while_the_worker_polls_and_the_definition_is_registered_beside_it(said, stub, runner, monkeypatch):
    monkeypatch.setattr("conductor.runner.definitions.REGISTER_WITHIN", 0.1)
    held = threading.Event()

    def hold(request):
        held.wait(20)
        return NONE

    stub.answers[READ].extend([error(503, "starting"), error(503, "starting"), hold])
    stub.answers[REGISTER].append(Answer())
    start(runner)
    stub.add_task("t")
    eventually(stub.results)
    assert stub.of(REGISTER) == []
    held.set()
    eventually(lambda: stub.of(REGISTER))
    eventually(lambda: said()[-1] == ("INFO", "t: its task definition is registered"))
    ((level, text),) = [each for each in said()[:-1] if each[0] != "WARNING"]  # the first pause may be short
    assert level == "ERROR"
    assert text.startswith("t: its task definition is not registered yet, and polling begins: ")


def test_a_server_that_never_answers_about_definitions_holds_up_polls_for_a_while_only(said, stub, monkeypatch):
    monkeypatch.setattr("conductor.runner.definitions.REGISTER_WITHIN", 0.2)
    held = threading.Event()
    stub.answers[READ].extend([lambda request: held.wait(20) and NONE] * 100)
    with ApiClient(http_settings=HttpSettings(stub.url, read_timeout=0.3)) as client, TaskRunner(client) as runner:
        start(runner)
        stub.add_task("t")
        eventually(stub.results)
        assert [text.partition(": GET")[0] for _, text in said()] == [
            "t: its task definition is not registered yet, and polling begins"
        ]
        runner.shutdown()
        assert runner.wait_workers(5)
    held.set()


def test_a_worker_can_be_started_and_stopped_while_no_server_is_there(said, stub, runner):
    stub.answers[READ].extend([Answer(close=True)] * 100)
    start(runner)
    eventually(lambda: len(stub.of(READ)) > 1)
    runner.shutdown()
    assert runner.wait_workers(2)
    assert stub.of(POLL) == stub.of(REGISTER) == []


def test_a_worker_that_stops_does_not_wait_for_the_next_attempt(stub, runner):
    stub.answers[READ].append(Answer(503, headers={"Retry-After": "8"}))
    start(runner)
    eventually(lambda: stub.of(READ))
    runner.shutdown()
    eventually(lambda: "conductor-poll-t" not in thread_names(), timeout=4)


def test_a_runner_that_stops_ends_the_attempts_beside_the_polls(stub, runner, monkeypatch):
    monkeypatch.setattr("conductor.runner.definitions.REGISTER_WITHIN", 0.1)
    stub.answers[READ].extend([error(503, "starting")] * 100)
    start(runner)
    eventually(lambda: len(stub.of(READ)) > 2)
    runner.shutdown()
    assert runner.wait_workers(5)
    eventually(lambda: "conductor-definitions" not in thread_names(), timeout=4)


@pytest.mark.parametrize("options", [{}, {"register": False}])
def test_a_bug_in_the_look_at_a_definition_ends_no_worker(said, stub, runner, monkeypatch, options):
    monkeypatch.setattr("conductor.runner.definitions.problems_of", lambda *given: 1 / 0)
    stub.answers[READ].extend([Answer(body=SERVED)] * 2)
    start(runner, **options)
    start(runner, domain="blue", **options)
    eventually(lambda: len(said()) == 2)
    stub.add_task("t")
    eventually(stub.results)
    assert said() == [("ERROR", "t: the look at its task definition ended in a bug")] * 2


def test_each_domain_registers_and_is_checked(said, stub, runner):
    stub.answers[READ].extend([Answer(body=SERVED)] * 2)
    start(runner, timeout=50)
    eventually(lambda: stub.of(POLL))
    start(runner, timeout=70, domain="blue")
    eventually(said)
    ((level, text),) = said()
    assert level == "ERROR"
    assert text.startswith("t (domain blue): the responseTimeoutSeconds of its task definition, 60 s, is shorter")


def test_a_problem_that_domains_share_is_logged_once(said, stub, runner):
    stub.answers[READ].extend([NONE] * 2)
    start(runner, register=False)
    start(runner, register=False, domain="blue")
    eventually(lambda: len(stub.of(READ)) == 2 and "conductor-definitions" not in thread_names())
    assert len(said()) == 1


@dataclass
class Receipt:
    total: int


def charge(amount: int) -> Receipt:
    return Receipt(amount)


def test_schemas_are_registered_in_the_definition(stub, runner):
    stub.answers[READ].append(NONE)
    stub.answers[REGISTER].append(Answer())
    start(runner, {"outputSchema": None}, charge, register_schemas=True)
    eventually(lambda: stub.of(POLL))
    (sent,) = stub.of(REGISTER)[0].json()
    assert sent["inputSchema"]["name"] == "t_input"
    assert sent["inputSchema"]["data"]["properties"] == {"amount": {"type": "integer"}}
    output = sent["outputSchema"]
    assert {**output, "data": None} == {"name": "t_output", "version": 1, "type": "JSON", "data": None}
    assert output["data"]["properties"] == {"total": {"type": "integer"}}


def test_a_schema_of_the_users_own_is_kept(stub, runner):
    own = {"name": "mine", "version": 3, "type": "JSON", "data": {}}
    stub.answers[READ].append(NONE)
    stub.answers[REGISTER].append(Answer())
    start(runner, {"inputSchema": own}, charge, register_schemas=True)
    eventually(lambda: stub.of(POLL))
    assert stub.of(REGISTER)[0].json()[0]["inputSchema"] == own


def test_a_runner_without_an_api_client_says_that_it_registers_nothing(said):
    client = FakeTaskClient()
    with TaskRunner(client) as runner:
        start(runner)
        client.add_task("t")
        client.results(1)
    assert said() == [("INFO", "t: its task definition is not registered: the runner has no ApiClient")]


def test_a_stop_waits_for_a_registration_that_is_under_way_as_for_a_poll(said, stub, runner):
    stub.answers[READ].append(NONE)
    stub.answers[REGISTER].append(Answer(delay=0.5))
    start(runner)
    eventually(lambda: stub.of(REGISTER))
    runner.shutdown()
    assert runner.wait_workers(5)
    assert said() == [("INFO", "t: its task definition is registered")]
    assert not [name for name in thread_names() if name.startswith("conductor-poll")]
    assert not stub.of(POLL)
