"""The kit for tests, with its fixtures and its faults. Checked by mypy and pyright, and never run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_type

from conductor import ApiClient, Task, TaskContext, TaskResult, TaskRunner, worker_task
from conductor.testing import DevServer, arun_worker, run_worker
from conductor.testing.server.faults import Outage


@worker_task("charge")
def charge(order_id: str) -> str:
    return order_id


def a_function_alone(plain: Callable[[Task], Any], bound: Callable[[str, TaskContext], int]) -> None:
    for function in (charge, plain, bound):
        assert_type(run_worker(function, {"order_id": "7"}, retry_count=2), TaskResult)
    run_worker("charge")  # type: ignore[arg-type]


async def a_coroutine_alone() -> None:
    assert_type(await arun_worker(charge, {"order_id": "7"}), TaskResult)


def test_with_fixtures(
    conductor_dev_server: DevServer, conductor_api_client: ApiClient, conductor_task_runner: TaskRunner
) -> None:
    conductor_task_runner.start_worker("charge", charge)
    assert_type(conductor_dev_server.url, str)
    assert_type(conductor_dev_server.faults.outage(5), Outage)


def faults_have_names(server: DevServer) -> None:
    server.faults.status("poll", 500, times=2)
    server.faults.delay("update", 1.5)
    server.faults.drop_after("GET /tasks/{taskId}")
    assert_type(server.faults.seen("update_v2"), int)
    assert_type(server.faults.injected("status"), int)
    server.faults.status("pol", 500)  # type: ignore[arg-type]
    server.faults.drop_before("GET /task/{taskId}")  # type: ignore[arg-type]
    server.faults.injected("timeout")  # type: ignore[arg-type]
