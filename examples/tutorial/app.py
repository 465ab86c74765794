"""Two workers of a shop."""

from decimal import Decimal

from conductor import task_context, worker_task


@worker_task("price_order")
def price_order(quantity: int, unit_price: Decimal) -> dict[str, Decimal]:
    return {"total": quantity * unit_price}


@worker_task("charge_card")
def charge_card(total: Decimal) -> dict[str, str]:
    if task_context().retry_count == 0:  # only in this tutorial: the first try fails
        raise ConnectionError("the bank does not answer")
    return {"receipt": f"paid {total} EUR"}
