"""The worker that the files of this folder deploy."""

from decimal import Decimal

from conductor import worker_task


@worker_task("charge", batch_size=10, lease_extension=True)
def charge(order_id: str, amount: Decimal) -> dict[str, str]:
    return {"receipt": f"{order_id}: {amount} EUR"}
