"""The embedded server of ``conductor-worker dev`` gets the definitions that the code contains or needs."""

import pytest

from conductor import TaskExecutor, TaskRunner, Worker, WorkflowDef, WorkflowExecutor
from conductor.development.code_definitions import Code, register_code, register_trials
from conductor.errors import ApiError
from conductor.models import TaskDef, WorkflowTask


def charge(amount: int, currency: str = "EUR"):
    return {"paid": f"{amount} {currency}"}


def flow(*tasks):
    return WorkflowDef("flow", [WorkflowTask(each, each) for each in tasks], owner_email="team@example.com")


def test_a_worker_without_a_definition_gets_one_that_suits_development(client):
    register_code(client, Code([Worker("charge", charge), Worker("slow", charge, timeout=3600)], []))
    definitions = TaskExecutor(client)
    assert definitions.get_task_def("charge").retry_delay_seconds == 5
    assert definitions.get_task_def("slow").response_timeout_seconds > 3600


def test_neither_definition_is_an_occasion_for_a_warning(client):
    workers = [Worker("charge", charge), Worker("slow", charge, timeout=3600)]
    register_code(client, Code(workers, []))
    assert {problem.severity for problem in TaskRunner(client).check(*workers)} <= {"info"}


def test_the_definition_of_a_worker_is_taken(client):
    register_code(client, Code([Worker("charge", charge, task_def=TaskDef("charge", retry_count=7))], []))
    assert TaskExecutor(client).get_task_def("charge").retry_count == 7


def test_a_definition_that_the_server_has_stays(client):
    TaskExecutor(client).register_task_defs(TaskDef("charge", retry_count=9))
    register_code(client, Code([Worker("charge", charge)], []))
    assert TaskExecutor(client).get_task_def("charge").retry_count == 9


def test_a_workflow_is_registered_again_after_a_change(client):
    for tasks in (["a"], ["a", "b"]):
        register_code(client, Code([Worker("a", charge)], [flow(*tasks)]))
    assert len(WorkflowExecutor(client).get_workflow_def("flow").tasks) == 2


def test_a_workflow_that_the_server_refuses_is_an_error(client):
    with pytest.raises(ApiError):
        register_code(client, Code([Worker("a", charge)], [WorkflowDef("flow", [], owner_email="team@example.com")]))


def test_without_any_workflow_each_worker_can_be_tried(client):
    worker = Worker("charge", charge)
    (trial,) = register_trials(client, [worker])
    with TaskRunner(client) as runner:
        runner.start_workers(worker)
        done = WorkflowExecutor(client).execute_workflow(
            trial.name, {"amount": 5, "currency": "USD"}, output_type=dict[str, str], timeout=20
        )
    assert done == {"paid": "5 USD"}


def test_a_trial_follows_its_function(client):
    register_trials(client, [Worker("charge", charge)])
    (trial,) = register_trials(client, [Worker("charge", lambda amount, tip: None)])
    assert trial.tasks[0].input_parameters.keys() == {"amount", "tip"}


def test_there_are_no_trials_beside_a_workflow(client):
    register_code(client, Code([], [flow("a")]))
    assert register_trials(client, [Worker("charge", charge)]) == []
