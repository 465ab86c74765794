"""Steps that worker functions make, and outputs that are read as a type."""

import dataclasses
from decimal import Decimal

import pytest

from conductor import DecodeError, WorkflowDef, WorkflowNotCompletedError, worker_task


@dataclasses.dataclass
class Line:
    price: Decimal
    count: int = 1


@dataclasses.dataclass
class Order:
    number: str
    lines: list[Line]


@dataclasses.dataclass
class Receipt:
    number: str
    paid: Decimal


def validate(order: Order):
    return {"total": sum((line.price * line.count for line in order.lines), Decimal(0))}


async def charge(number: str, amount: Decimal, currency: str = "EUR"):
    return {"number": number, "paid": amount, "currency": currency}


@pytest.fixture
def order(tasks, workflows, runner, name):
    """The name of a workflow of both functions, whose workers run."""
    validating, charging = worker_task(f"{name}_validate")(validate), worker_task(f"{name}_charge")(charge)
    steps = [
        validating.step("validate", order="${workflow.input}"),
        charging.step("charge", number="${workflow.input.number}", amount="${validate.output.total}", currency=None),
    ]
    workflows.register_workflow(WorkflowDef(name, steps, owner_email="team@example.com"))
    runner.start_workers(validating, charging)
    return name


def test_a_workflow_of_steps_takes_a_value_and_gives_one(workflows, order):
    given = Order("A7", [Line(Decimal("1.20"), 2), Line(Decimal("0.05"))])
    receipt = workflows.execute_workflow(order, given, output_type=Receipt)
    assert receipt == Receipt("A7", Decimal("2.45"))


def test_the_output_of_a_workflow_is_read_later(workflows, order, ended):
    workflow, _ = ended(workflows.start_workflow(order, Order("A7", [])))
    assert workflows.get_output(workflow.workflow_id, Receipt) == Receipt("A7", Decimal(0))
    with pytest.raises(DecodeError, match=r"does not fit: \$.number: expected a decimal number, got str"):
        workflows.get_output(workflow.workflow_id, dict[str, Decimal])


def test_a_workflow_that_has_failed_gives_its_reason_instead_of_an_output(workflows, order):
    with pytest.raises(WorkflowNotCompletedError) as caught:
        workflows.execute_workflow(order, {"number": 7, "lines": []}, output_type=Receipt)
    assert caught.value.status == "FAILED"
    assert "$.order.number: expected str, got int" in caught.value.reason


def test_a_workflow_that_runs_has_no_output(workflows, runner, order):
    runner.pause()
    workflow_id = workflows.start_workflow(order, Order("A7", []))
    with pytest.raises(WorkflowNotCompletedError, match=f"workflow {workflow_id} is RUNNING, not COMPLETED"):
        workflows.get_output(workflow_id, Receipt)
    workflows.terminate(workflow_id)
    with pytest.raises(WorkflowNotCompletedError, match="is TERMINATED"):
        workflows.get_output(workflow_id, Receipt)
