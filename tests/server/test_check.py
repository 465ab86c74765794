"""``runner.check()``: do the server's task definitions and the workers fit together?"""

import dataclasses
import logging
import threading

import pytest

from conductor import ApiError, ConfigurationError, Problem, TaskDef, TaskRunner, TransportError, Worker
from conductor.testing import FakeTaskClient
from support.stub import POLL, Answer, error
from support.waiting import eventually

READ, REGISTER = "GET /metadata/taskdefs/", "POST /metadata/taskdefs"
NONE = error(404, "No such taskType found by name: t")
FITTING = {
    "name": "t",
    "responseTimeoutSeconds": 60,
    "timeoutSeconds": 120,
    "totalTimeoutSeconds": 0,
    "retryCount": 3,
    "createTime": 1,
    "updateTime": 2,
    "createdBy": "me",
    "inputTemplate": {"a": 1},
    "timeoutPolicy": "TIME_OUT_WF",
}
OWN = {"responseTimeoutSeconds": 60}


def worker(task_name="t", **options):
    return Worker(task_name, lambda task: None, **options)


def check_one(stub, runner, served, **options):
    """The problems of one worker as (severity, text), with this definition on the server."""
    stub.answers[READ].append(served if isinstance(served, Answer) else Answer(body=served))
    problems = runner.check(worker(**options))
    assert all((problem.task_name, problem.domain) == ("t", options.get("domain")) for problem in problems)
    return [(problem.severity, problem.text) for problem in problems]


def test_nothing_is_wrong_with_a_definition_that_fits(stub, runner):
    assert check_one(stub, runner, FITTING, timeout=60) == []
    assert check_one(stub, runner, FITTING) == []


def test_a_missing_definition_is_a_warning(stub, runner):
    ((severity, text),) = check_one(stub, runner, NONE, timeout=7200)
    assert severity == "warning"
    assert text.startswith("no task definition is named t: is the name right?")


@pytest.mark.parametrize(
    ("served", "options", "found"),
    [
        (
            {"responseTimeoutSeconds": 30},
            {"timeout": 30.5},
            "t: the responseTimeoutSeconds of its task definition, 30 s, is shorter than the worker's timeout, 30.5 s",
        ),
        (
            {"timeoutSeconds": 100},
            {"timeout": 101, "lease_extension": True},
            "t: the timeoutSeconds of its task definition, 100 s, is shorter than the worker's timeout, 101 s",
        ),
        (
            {"totalTimeoutSeconds": 121},
            {"timeout": 122, "lease_extension": True, "domain": "blue"},
            "t (domain blue): the timeoutSeconds of its task definition, 120 s, is shorter",
        ),
        (
            {"responseTimeoutSeconds": 121},
            {},
            "t: its task definition contradicts itself: responseTimeoutSeconds, 121 s, is longer than timeoutSeconds,",
        ),
        (
            {"totalTimeoutSeconds": 119},
            {},
            "t: its task definition contradicts itself: timeoutSeconds, 120 s, is longer than totalTimeoutSeconds, 119",
        ),
    ],
)
def test_time_limits_that_do_not_fit_are_errors(stub, runner, served, options, found):
    severity, text = check_one(stub, runner, FITTING | served, **options)[0]
    assert severity == "error"
    assert text.startswith(found)


def test_each_limit_that_ends_a_task_early_is_named(stub, runner):
    problems = check_one(stub, runner, FITTING | {"totalTimeoutSeconds": 150}, timeout=200)
    named = [text.split(" ")[2] for severity, text in problems if severity == "error"]
    assert named == ["responseTimeoutSeconds", "timeoutSeconds", "totalTimeoutSeconds"]


@pytest.mark.parametrize("lease", [3600, 7200])
def test_a_lease_of_an_hour_is_good_to_know(stub, runner, lease):
    served = FITTING | {"responseTimeoutSeconds": lease, "timeoutSeconds": 0}
    ((severity, text),) = check_one(stub, runner, served)
    assert severity == "info"
    assert text.startswith(f"t: a task whose worker dies comes back after {lease} s")
    assert check_one(stub, runner, served, lease_extension=True) == []


def test_a_lease_that_is_extended_may_be_shorter_than_the_time_limit(stub, runner):
    served = FITTING | {"responseTimeoutSeconds": 5, "timeoutSeconds": 0}
    assert check_one(stub, runner, served, timeout=60, lease_extension=True) == []


@pytest.mark.parametrize(
    ("task_def", "differing"),
    [
        ({"retryCount": 4}, "retryCount is 3, and not 4"),
        ({"description": "d", "retryCount": 3}, "description is None, and not 'd'"),
        ({"inputTemplate": {"a": 2}, "retryLogic": "FIXED"}, "inputTemplate; retryLogic is None, and not 'FIXED'"),
        (TaskDef("t", timeout_policy="RETRY"), "timeoutPolicy is 'TIME_OUT_WF', and not 'RETRY'"),
    ],
)
def test_members_that_differ_from_the_code_are_named(stub, runner, task_def, differing):
    ((severity, text),) = check_one(stub, runner, FITTING, task_def=task_def)
    assert (severity, text) == ("warning", f"t: the task definition of the server differs from task_def: {differing}")


@pytest.mark.parametrize(
    "task_def",
    [
        {"retryCount": 3.0, "inputKeys": [], "description": None, "createTime": 9, "tags": [], "ownerApp": "x"},
        TaskDef("t", response_timeout_seconds=60, timeout_policy="TIME_OUT_WF", input_template={"a": 1}),
    ],
)
def test_members_that_the_code_leaves_out_or_the_server_makes_do_not_differ(stub, runner, task_def):
    assert check_one(stub, runner, FITTING, task_def=task_def) == []


def test_schemas_may_have_more_members_on_the_server(stub, runner):
    schema = {"name": "s", "version": 1, "type": "JSON", "data": {"type": "object"}}
    served = FITTING | {"inputSchema": schema | {"createTime": 0}}
    assert check_one(stub, runner, served, task_def={"inputSchema": schema}) == []
    other = schema | {"data": {}}
    ((_, text),) = check_one(stub, runner, served, task_def={"inputSchema": other})
    assert text.endswith("differs from task_def: inputSchema")


@pytest.mark.parametrize(("served", "options"), [(NONE, {}), (FITTING, {"overwrite": True})])
def test_a_definition_that_will_be_registered_counts_before_the_start(stub, runner, served, options):
    assert check_one(stub, runner, served, task_def=OWN, register=True, **options) == []
    ((severity, text),) = check_one(stub, runner, served, task_def={"retryCount": 1}, register=True, **options)
    assert (severity, text.split(",")[0]) == ("info", "t: a task whose worker dies comes back after 3600 s")


def test_a_definition_that_a_worker_will_register_counts_for_the_other_domains(stub, runner):
    stub.answers[READ].append(NONE)
    assert runner.check(worker(domain="a"), worker(task_def=OWN, register=True)) == []


def test_without_arguments_the_running_workers_are_checked_with_a_request_for_each_task_type(stub, runner):
    for task_name, domain in (("t", None), ("t", "blue"), ("u", None)):
        runner.start_worker(task_name, lambda task: None, poll_timeout=0.02, domain=domain, timeout=90)
    eventually(lambda: len(stub.of(READ)) == 3)  # for the log
    stub.answers[READ].extend([Answer(body=FITTING), error(404, "No such taskType found by name: u")])
    problems = runner.check()
    assert [(each.task_name, each.domain, each.severity) for each in problems] == [
        ("t", None, "error"),
        ("t", "blue", "error"),
        ("u", None, "warning"),
    ]
    assert len(stub.of(READ)) == 5
    runner.shutdown("u")
    stub.answers[READ].append(NONE)
    assert {each.task_name for each in runner.check()} == {"t"}


def test_a_definition_that_could_not_be_registered_is_missing_while_the_worker_runs(stub, runner):
    stub.answers[READ].extend([NONE, NONE])
    stub.answers["POST /metadata/taskdefs"].append(error(400, "refused"))
    runner.start_worker("t", lambda task: None, poll_timeout=0.02, task_def=OWN, register=True)
    eventually(lambda: stub.of(POLL))
    assert [problem.severity for problem in runner.check()] == ["warning"]


def test_no_workers_have_no_problems(stub, runner):
    assert runner.check() == []
    assert stub.requests == []


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (Answer(404, "<html>", "text/html"), ApiError),
        (error(403, "no"), ApiError),
        (Answer(500), ApiError),
        (Answer(close=True), TransportError),
    ],
)
def test_a_server_that_cannot_be_asked_is_an_error(stub, runner, answer, raised):
    stub.answers[READ].extend([answer] * 2)
    with pytest.raises(raised):
        runner.check(worker())


def test_workers_are_given_and_set_as_for_their_start(stub, runner, monkeypatch):
    monkeypatch.setenv("CONDUCTOR_WORKER_T_TIMEOUT", "90")
    stub.answers[READ].append(Answer(body=FITTING))
    ((first, _, severity, _), (second, *_)) = map(
        dataclasses.astuple, runner.check([worker(), worker("t", domain="b")])
    )
    assert (first, second, severity) == ("t", "t", "error")
    with pytest.raises(ConfigurationError, match="cannot start 't', a text: give a Worker"):
        runner.check("t")


@pytest.mark.parametrize(("answer", "found"), [(Answer(), []), (error(403, "no"), ["no task definition is named t"])])
def test_a_definition_counts_until_its_registration_has_failed(stub, runner, answer, found):
    held = threading.Event()

    def slow(request):
        held.wait(10)
        return answer

    stub.answers[READ].extend([NONE] * 2)
    stub.answers[REGISTER].append(slow)
    runner.start_worker("t", lambda task: None, poll_timeout=0.02, task_def=FITTING, register=True)
    eventually(lambda: stub.of(REGISTER))
    assert runner.check() == []
    held.set()
    eventually(lambda: stub.of(POLL))
    stub.answers[READ].appendleft(NONE if found else Answer(body=FITTING))
    problems = runner.check()
    assert [problem.text.partition(":")[0] for problem in problems] == found
    assert not any("register one" in problem.text for problem in problems)
    assert all("the log says why" in problem.text for problem in problems)


def test_a_runner_without_an_api_client_cannot_check():
    with TaskRunner(FakeTaskClient()) as runner, pytest.raises(ConfigurationError, match="needs a runner with an Api"):
        runner.check()


def test_the_same_problems_are_logged_after_the_first_poll_each_once(stub, runner, caplog):
    caplog.set_level(logging.INFO, "conductor.runner.definitions")
    served = FITTING | {"responseTimeoutSeconds": 3600, "retryCount": 9}
    stub.answers[READ].extend([Answer(body=served)] * 2)
    of_code = {"task_def": {"retryCount": 1}, "timeout": 3601}
    problems = [Problem("t", None, severity, text) for severity, text in check_one(stub, runner, served, **of_code)]
    runner.start_worker("t", lambda task: None, poll_timeout=0.02, **of_code)
    logged = eventually(lambda: len(caplog.records) == len(problems) and caplog.records)
    assert [record.getMessage() for record in logged] == [problem.text for problem in problems]
    assert [record.levelname.lower() for record in logged] == [problem.severity for problem in problems]
    assert {problem.severity for problem in problems} == {"error", "warning", "info"}
