from conductor import WorkflowDef, worker_task


@worker_task("charge")
def charge(order_id: str, amount: float) -> dict[str, str]:
    return {"receipt": f"{order_id}: {amount} EUR"}


PAY = WorkflowDef(
    "pay",
    [charge.step("charge", order_id="${workflow.input.order_id}", amount="${workflow.input.amount}")],
    owner_email="team@example.com",
)
