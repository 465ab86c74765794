"""Testing workers: a function alone, and workers in a workflow on an embedded server."""

from decimal import Decimal

import orders
from orders import ORDER, Line, Order, Receipt

from conductor import ApiClient, TaskRunner, WorkflowExecutor
from conductor.testing import run_worker


def test_a_function_alone() -> None:
    lines = [{"sku": "pen", "price": "1.20", "count": 2}]
    assert run_worker(orders.validate, {"number": "A7", "lines": lines}).output_data == {"total": "2.40"}
    assert orders.validate(Order("A7", [])) == {"total": 0}  # it is a function as before


# With pytest_plugins = ["conductor.testing.pytest_plugin"] in conftest.py, each test gets a server of its own.
def test_the_workflow(conductor_api_client: ApiClient, conductor_task_runner: TaskRunner) -> None:
    workflows = WorkflowExecutor(conductor_api_client)
    workflows.register_workflow(ORDER)
    conductor_task_runner.start_workers(orders)

    order = Order("A7", [Line("pen", Decimal("1.20"), count=2)])
    assert workflows.execute_workflow("order", order, output_type=Receipt) == Receipt("A7", "2.40 EUR")
