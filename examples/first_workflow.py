"""Registers a workflow of one step, runs it, and prints its output."""

from first_worker import charge

from conductor import WorkflowDef, WorkflowExecutor

PAY = WorkflowDef(
    "pay",
    [charge.step("charge", order_id="${workflow.input.order_id}", amount="${workflow.input.amount}")],
    owner_email="team@example.com",
)

if __name__ == "__main__":
    with WorkflowExecutor() as workflows:
        workflows.register_workflow(PAY)
        print(workflows.execute_workflow("pay", {"order_id": "A7", "amount": "9.90"}, output_type=dict[str, str]))
