"""Outputs of workflows and inputs of tasks, as values of a type that the caller names."""

import dataclasses
from decimal import Decimal
from typing import Any, TypedDict

import pytest

from conductor import (
    ApiClient,
    ConfigurationError,
    ConflictError,
    DecodeError,
    HttpSettings,
    InvalidInputError,
    NonRetryableError,
    PayloadError,
    Task,
    TaskRunner,
    WorkflowDef,
    WorkflowExecutor,
    WorkflowNotCompletedError,
    worker_task,
)
from conductor.testing import DevServer, run_worker
from conductor.testing.fakes import make_task
from support.stub import Answer


@dataclasses.dataclass
class Receipt:
    order_id: str
    amount: Decimal
    lines: list[int] = dataclasses.field(default_factory=list)


class Raw(TypedDict):
    order_id: str


@worker_task("charge")
def charge(task: Task) -> dict[str, Any]:
    if task.input_data["amount"] == "0":
        raise NonRetryableError("nothing to charge")
    return {"order_id": task.input_data["order_id"], "amount": task.input_data["amount"], "lines": [1, 2]}


@pytest.fixture
def workflows():
    """A server with the workflow "order" and its worker."""
    with (
        DevServer() as server,
        ApiClient(http_settings=HttpSettings(server.url)) as client,
        TaskRunner(client) as runner,
    ):
        executor = WorkflowExecutor(client)
        step = charge.step("charge", order_id="${workflow.input.id}", amount="${workflow.input.amount}")
        executor.register_workflow(WorkflowDef("order", [step], owner_email="team@example.com"))
        runner.start_worker("charge", charge)
        yield executor


@pytest.fixture
def ended(workflows):
    """The id of a completed workflow."""
    return workflows.execute_workflow("order", {"id": "7", "amount": "1.50"}).workflow_id


def test_an_executed_workflow_gives_its_output_as_a_value_of_the_type(workflows):
    receipt = workflows.execute_workflow("order", {"id": "7", "amount": Decimal("1.50")}, output_type=Receipt)
    assert receipt == Receipt("7", Decimal("1.50"), [1, 2])


@pytest.mark.parametrize(
    ("output_type", "output"),
    [
        (Receipt, Receipt("7", Decimal("1.50"), [1, 2])),
        (Raw, {"order_id": "7"}),
        (dict[str, Any], {"order_id": "7", "amount": "1.50", "lines": [1, 2]}),
        (Receipt | None, Receipt("7", Decimal("1.50"), [1, 2])),
    ],
)
def test_the_output_of_a_completed_workflow_is_read_as_any_type(workflows, ended, output_type, output):
    assert workflows.get_output(ended, output_type) == output


def test_an_output_that_does_not_fit_is_an_error_that_names_the_place(workflows, ended):
    with pytest.raises(DecodeError, match=rf"workflow {ended} does not fit: \$.order_id: expected int, got str"):
        workflows.get_output(ended, dict[str, int])


def test_an_output_in_the_external_storage_is_not_taken_for_an_empty_one(stub, api_client):
    body = {"workflowId": "w", "status": "COMPLETED", "externalOutputPayloadStoragePath": "workflow/output/1.json"}
    stub.answers["GET /workflow/w"].append(Answer(body=body))
    with pytest.raises(PayloadError):
        WorkflowExecutor(api_client).get_output("w", dict[str, str])


def test_a_failed_workflow_has_no_output_and_the_error_says_why(workflows):
    with pytest.raises(WorkflowNotCompletedError, match="is FAILED, not COMPLETED: .*nothing to charge") as caught:
        workflows.execute_workflow("order", {"id": "7", "amount": "0"}, output_type=Receipt)
    assert caught.value.status == "FAILED"
    assert "nothing to charge" in caught.value.reason
    with pytest.raises(WorkflowNotCompletedError, match=f"workflow {caught.value.workflow_id} is FAILED"):
        workflows.get_output(caught.value.workflow_id, Receipt)


def test_a_workflow_that_still_runs_has_no_output_yet(workflows):
    workflows.register_workflow(WorkflowDef("slow", [charge_by_nobody()], owner_email="team@example.com"))
    with pytest.raises(
        WorkflowNotCompletedError, match="is RUNNING, not COMPLETED: no worker has taken nobody yet$"
    ) as caught:
        workflows.execute_workflow("slow", output_type=Receipt, timeout=0)
    with pytest.raises(ConflictError):  # its id is known: it can be waited for, or ended
        workflows.restart(caught.value.workflow_id)


def charge_by_nobody():
    step = charge.step("charge")
    step.name = "nobody"
    return step


def test_a_type_that_json_cannot_hold_is_an_error_before_anything_is_started(workflows):
    with pytest.raises(ConfigurationError, match=r"output_type: .*JSON"):
        workflows.execute_workflow("order", output_type=DevServer)
    with pytest.raises(ConfigurationError, match=r"output_type: .*JSON"):
        workflows.get_output("no-such-id", DevServer)
    assert workflows.search().total_hits == 0


def test_there_is_no_output_when_only_a_task_has_ended(workflows):
    with pytest.raises(ConfigurationError, match="output_type must not be given with wait_until_task_ref"):
        workflows.execute_workflow("order", output_type=Receipt, wait_until_task_ref="charge")


def test_the_input_of_a_task_is_read_as_a_value_of_the_type():
    task = make_task({"order_id": "7", "amount": "1.50"})
    assert task.input_as(Receipt) == Receipt("7", Decimal("1.50"))
    assert task.input_as(dict[str, str]) == {"order_id": "7", "amount": "1.50"}


def test_null_leaves_a_field_its_default_as_with_parameters():
    assert make_task({"order_id": "7", "amount": "1.50", "lines": None}).input_as(Receipt).lines == []
    with pytest.raises(InvalidInputError, match=r"\$.order_id: expected str, got null"):
        make_task({"order_id": None, "amount": "1.50"}).input_as(Receipt)


def test_an_input_that_does_not_fit_fails_the_task_for_good():
    def work(task: Task) -> str:
        return task.input_as(Receipt).order_id

    result = run_worker(work, {"order_id": 7, "amount": "1.50"})
    assert result.status == "FAILED_WITH_TERMINAL_ERROR"
    assert "$.order_id: expected str, got int" in result.reason_for_incompletion
    with pytest.raises(InvalidInputError):
        work(make_task({"order_id": 7, "amount": "1.50"}))


def test_a_type_for_an_input_must_be_one_that_json_can_hold():
    with pytest.raises(ConfigurationError, match="JSON"):
        make_task({}).input_as(DevServer)
