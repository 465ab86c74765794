"""Starts the workflow, waits for its end and prints its output."""

from conductor import WorkflowExecutor

if __name__ == "__main__":
    with WorkflowExecutor() as workflows:
        print(workflows.execute_workflow("order", {"quantity": 3, "unit_price": "1.20"}, output_type=dict[str, str]))
