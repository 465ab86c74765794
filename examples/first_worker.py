from decimal import Decimal

from conductor import TaskRunner, worker_task
from conductor.testing import run_worker


@worker_task("charge")
def charge(order_id: str, amount: Decimal) -> dict[str, str]:
    return {"receipt": f"{order_id}: {amount} EUR"}


def test_charge() -> None:
    assert run_worker(charge, {"order_id": "A7", "amount": "9.90"}).output_data == {"receipt": "A7: 9.90 EUR"}


if __name__ == "__main__":
    runner = TaskRunner()  # CONDUCTOR_SERVER_URL says where the server is
    runner.start_workers(charge)
    runner.wait_workers()  # until SIGINT or SIGTERM; running tasks finish
