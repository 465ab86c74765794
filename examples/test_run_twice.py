"""A function that charges twice if it runs twice, the tests that show it, and the function mended."""

import uuid

import pytest

from conductor import ApiClient, TaskRunner, WorkflowDef, WorkflowExecutor, task_context, worker_task
from conductor.testing import DevServer, check_idempotent


class Bank:
    """In place of a payment provider. It takes a payment with a known key only once, as most providers do."""

    def __init__(self) -> None:
        self.payments: dict[str, int] = {}

    def pay(self, amount: int, key: str | None = None) -> None:
        self.payments.setdefault(key or uuid.uuid4().hex, amount)


BANK = Bank()


def charge_blindly(amount: int) -> dict[str, int]:
    BANK.pay(amount)
    return {"charged": amount}


@worker_task("charge")
def charge(amount: int) -> dict[str, int]:
    task = task_context().task
    BANK.pay(amount, key=f"{task.workflow_instance_id}/{task.reference_task_name}")
    return {"charged": amount}


@pytest.fixture(autouse=True)
def no_payments() -> None:
    BANK.payments.clear()


def test_the_first_function_charges_twice() -> None:
    with pytest.raises(AssertionError, match="its second run changed the value of the probe"):
        check_idempotent(charge_blindly, {"amount": 9}, probe=lambda: BANK.payments)


@pytest.mark.parametrize("as_retry", [False, True])
def test_the_mended_function_charges_once(as_retry: bool) -> None:
    check_idempotent(charge, {"amount": 9}, probe=lambda: BANK.payments, as_retry=as_retry)


@pytest.mark.parametrize("conductor_chaos", range(9))  # nine runs, each with other faults
def test_the_workflow_charges_once(
    conductor_dev_server: DevServer, conductor_api_client: ApiClient, conductor_task_runner: TaskRunner
) -> None:
    workflows = WorkflowExecutor(conductor_api_client)
    workflows.register_workflow(WorkflowDef("order", [charge.step("charge", amount=9)], owner_email="team@example.com"))
    conductor_task_runner.start_workers(charge)
    workflow_id = workflows.start_workflow("order")
    conductor_dev_server.join()
    assert workflows.get_output(workflow_id, dict[str, int]) == {"charged": 9}
    assert list(BANK.payments.values()) == [9]
