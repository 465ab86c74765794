"""A task definition that comes with its worker: what the server makes of it, and of its schemas."""

import logging
import threading
from dataclasses import dataclass

import pytest

from conductor import ApiError, Task, TaskDef, TaskRunner, Worker, WorkflowDef, WorkflowTask
from support.waiting import eventually

OWNER = "team@example.com"


@dataclass
class Receipt:
    total: int
    note: str | None = None


def charge(amount: int, note: str | None = None) -> Receipt:
    return Receipt(amount, note)


def registered(tasks, name):
    return eventually(lambda: name in {each.name for each in tasks.get_task_defs()} and tasks.get_task_def(name))


def test_it_is_registered_when_the_server_has_none_and_stays_afterwards(api_client, tasks, name):
    first = TaskDef(name, response_timeout_seconds=60, retry_count=5, owner_email=OWNER)
    second = {"responseTimeoutSeconds": 90, "ownerEmail": OWNER}
    for task_def, options, expected in (
        (first, {}, (60, 5)),
        (second, {}, (60, 5)),
        (second, {"overwrite": True}, (90, 3)),
    ):
        with TaskRunner(api_client) as runner:
            found = []
            runner.start_worker(name, found.append, task_def=task_def, register=True, **options)
            eventually(lambda: (name, None) in runner._setup.definitions._seen)
        served = registered(tasks, name)
        assert (served.response_timeout_seconds, served.retry_count) == expected


def test_a_task_has_the_lease_of_the_definition_that_its_worker_registered(runner, tasks, workflows, name):
    found = []
    task_def = TaskDef(name, response_timeout_seconds=45, owner_email=OWNER)
    runner.start_worker(name, found.append, task_def=task_def, register=True)
    registered(tasks, name)
    workflows.register_workflow(WorkflowDef(name, [WorkflowTask(name, "a")], owner_email=OWNER))
    workflows.start_workflow(name)
    eventually(lambda: found)
    assert found[0].response_timeout_seconds == 45


def test_a_refused_definition_is_logged_and_its_worker_polls(runner, workflows, name, caplog):
    found = []
    task_def = TaskDef(name, timeout_seconds=10, owner_email=OWNER)  # the server's default of the other limit is longer
    (problem,) = runner.check(Worker(name, found.append, lease_extension=True, task_def=task_def, register=True))
    assert problem.severity == "error"
    assert "contradicts itself: responseTimeoutSeconds, 3600 s, is longer than timeoutSeconds, 10 s" in problem.text
    runner.start_worker(name, found.append, task_def=task_def, register=True)
    workflows.register_workflow(WorkflowDef(name, [WorkflowTask(name, "a")], owner_email=OWNER))
    workflows.start_workflow(name)
    eventually(lambda: found)
    (text,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert text.startswith(f"{name}: its task definition is not registered: POST /metadata/taskdefs answered 400")


def test_many_that_start_at_the_same_moment_all_succeed(api_client, tasks, name, caplog):
    caplog.set_level(logging.INFO, "conductor.runner.definitions")
    runners = [TaskRunner(api_client) for _ in range(8)]
    task_def = TaskDef(name, response_timeout_seconds=60, owner_email=OWNER)
    together = threading.Barrier(len(runners))

    def start(runner):
        together.wait()
        runner.start_worker(name, charge, task_def=task_def, register=True)

    threads = [threading.Thread(target=start, args=[runner]) for runner in runners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eventually(lambda: all((name, None) in runner._setup.definitions._seen for runner in runners))
    for runner in runners:
        with runner:
            pass
    assert registered(tasks, name).response_timeout_seconds == 60
    assert [record.getMessage() for record in caplog.records if record.levelno > logging.INFO] == []


def test_schemas_come_back_as_they_were_sent_and_do_not_differ(runner, tasks, name):
    options = {"task_def": {"responseTimeoutSeconds": 60, "ownerEmail": OWNER}, "register": True}
    worker = Worker(name, charge, register_schemas=True, **options)
    runner.start_worker(name, charge, register_schemas=True, **options)
    sent, served = worker.registration.task_def, registered(tasks, name)
    for schema, part in ((served.input_schema, "inputSchema"), (served.output_schema, "outputSchema")):
        got = {"name": schema.name, "version": schema.version, "type": schema.type, "data": schema.data}
        assert got == sent[part]
    assert served.enforce_schema is False
    assert runner.check(worker) == runner.check() == []


def test_inputs_and_outputs_that_do_not_fit_their_schemas_are_accepted_although_the_definition_enforces_them(
    runner, tasks, workflows, name, ended
):
    wanted = {"name": "wanted", "version": 1, "type": "JSON", "data": {"type": "object", "required": ["amount"]}}
    task_def = {"responseTimeoutSeconds": 60, "ownerEmail": OWNER, "enforceSchema": True, "inputSchema": wanted}

    def execute(task: Task) -> Receipt:
        return {"total": "many"}

    runner.start_worker(name, execute, task_def=task_def, register=True, register_schemas=True)
    assert registered(tasks, name).enforce_schema is True
    workflows.register_workflow(WorkflowDef(name, [WorkflowTask(name, "a")], owner_email=OWNER))
    workflow, _ = ended(workflows.start_workflow(name))
    assert workflow.status == "COMPLETED"


@pytest.mark.parametrize(
    ("served", "options", "severities"),
    [
        ({"response_timeout_seconds": 60}, {"timeout": 50}, []),
        ({"response_timeout_seconds": 60}, {"timeout": 70}, ["error"]),
        ({"response_timeout_seconds": 60}, {"timeout": 70, "lease_extension": True}, []),
        ({"response_timeout_seconds": 60, "timeout_seconds": 65}, {"timeout": 70, "lease_extension": True}, ["error"]),
        ({}, {}, ["info"]),
        ({"response_timeout_seconds": 60}, {"task_def": {"responseTimeoutSeconds": 61}}, ["warning"]),
        (
            {"response_timeout_seconds": 60, "input_template": {"a": 1}},
            {"task_def": {"inputTemplate": {}}},
            ["warning"],
        ),
        ({"response_timeout_seconds": 60}, {"task_def": {"responseTimeoutSeconds": 60, "retryCount": 3}}, []),
    ],
)
def test_a_check_compares_the_definition_of_the_server(runner, tasks, name, served, options, severities):
    tasks.register_task_defs(TaskDef(name, owner_email=OWNER, **served))
    problems = runner.check(Worker(name, charge, **options))
    assert [problem.severity for problem in problems] == severities
    assert all(name in problem.text for problem in problems)


def test_a_check_finds_a_missing_definition(runner, name):
    (problem,) = runner.check(Worker(name, charge))
    assert (problem.severity, problem.task_name) == ("warning", name)


def test_a_definition_without_an_owner_is_accepted(tasks, name):
    tasks.register_task_defs(TaskDef(name))
    assert tasks.get_task_def(name).response_timeout_seconds == 3600


def test_a_contradiction_is_refused(tasks, name):
    with pytest.raises(ApiError) as caught:
        tasks.register_task_defs(TaskDef(name, timeout_seconds=10, owner_email=OWNER))
    assert caught.value.status == 400
