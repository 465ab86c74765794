"""Two workers, and a workflow of their steps."""

import dataclasses
from decimal import Decimal

from conductor import WorkflowDef, worker_task


@dataclasses.dataclass
class Line:
    sku: str
    price: Decimal
    count: int = 1


@dataclasses.dataclass
class Order:
    number: str
    lines: list[Line]


@dataclasses.dataclass
class Receipt:
    number: str
    paid: str


@worker_task("validate_order")
def validate(order: Order) -> dict[str, Decimal]:
    return {"total": sum((line.price * line.count for line in order.lines), Decimal(0))}


@worker_task("charge_order", batch_size=10)
async def charge(number: str, amount: Decimal, currency: str = "EUR") -> Receipt:
    return Receipt(number, f"{amount} {currency}")


ORDER = WorkflowDef(
    "order",
    [
        validate.step("validate", order="${workflow.input}"),
        charge.step("charge", number="${workflow.input.number}", amount="${validate.output.total}"),
    ],
    owner_email="team@example.com",
)
