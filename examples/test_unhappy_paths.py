"""Tests of what rarely happens: a failure, a retry, a limit of time, and a server that answers with errors."""

from conductor import (
    ApiClient,
    TaskDef,
    TaskExecutor,
    TaskRunner,
    WorkflowDef,
    WorkflowExecutor,
    task_context,
    worker_task,
)
from conductor.testing import DevServer, run_worker

SHIP = TaskDef("ship", retry_count=1, retry_delay_seconds=0, poll_timeout_seconds=600, owner_email="team@example.com")


@worker_task("ship")
def ship(city: str) -> dict[str, str]:
    if city == "Atlantis":
        raise LookupError("no such city")
    if task_context().retry_count == 0:
        raise ConnectionError("the carrier does not answer")
    return {"shipped_to": city}


def start_order(api_client: ApiClient, city: str) -> str:
    TaskExecutor(api_client).register_task_defs(SHIP)
    workflows = WorkflowExecutor(api_client)
    workflows.register_workflow(WorkflowDef("order", [ship.step("ship", city=city)], owner_email="team@example.com"))
    return workflows.start_workflow("order")


def test_a_failure_has_a_reason() -> None:
    result = run_worker(ship, {"city": "Atlantis"})
    assert (result.status, result.reason_for_incompletion) == ("FAILED", "LookupError: no such city")


def test_the_second_try_succeeds_also_if_the_server_is_ill(
    conductor_dev_server: DevServer, conductor_api_client: ApiClient, conductor_task_runner: TaskRunner
) -> None:
    conductor_dev_server.faults.status("update", 503, times=2)  # its next two answers to results
    workflow_id = start_order(conductor_api_client, "Oslo")
    conductor_task_runner.start_workers(ship)
    conductor_dev_server.join()  # until nothing is queued or running
    output = WorkflowExecutor(conductor_api_client).get_output(workflow_id, dict[str, str])
    assert output == {"shipped_to": "Oslo"}


def test_an_order_that_nobody_ships_times_out(conductor_dev_server: DevServer, conductor_api_client: ApiClient) -> None:
    workflow_id = start_order(conductor_api_client, "Oslo")  # and no worker runs
    conductor_dev_server.clock.advance(600)  # ten minutes later
    assert WorkflowExecutor(conductor_api_client).get_workflow_status(workflow_id).status == "TIMED_OUT"
