"""A decorated function keeps its parameters and its return type. Checked by mypy and pyright, and never run."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Coroutine
from datetime import timedelta
from decimal import Decimal
from typing import Any, assert_type

from conductor import (
    Task,
    TaskContext,
    TaskResult,
    TaskRunner,
    Worker,
    WorkerFunction,
    WorkflowTask,
    process_pool,
    worker_task,
)
from conductor.testing import arun_worker, run_worker


@dataclasses.dataclass
class Receipt:
    order_id: str
    amount: Decimal


@worker_task("charge", batch_size=5, timeout=timedelta(minutes=1), executor=process_pool(2))
def charge(order_id: str, amount: Decimal = Decimal(0), *, context: TaskContext) -> Receipt:
    return Receipt(order_id, amount)


@worker_task("charge_later")
async def charge_later(order_id: str) -> Receipt:
    return Receipt(order_id, Decimal(0))


@worker_task("raw")
def raw(task: Task) -> dict[str, int]:
    return {}


class Service:
    @worker_task("charge")
    def charge(self, order_id: str, amount: Decimal) -> Receipt:
        return Receipt(order_id, amount)


def a_call_is_a_call_of_the_function(context: TaskContext, task: Task) -> None:
    assert_type(charge("7", Decimal(1), context=context), Receipt)
    assert_type(charge(order_id="7", context=context), Receipt)
    assert_type(raw(task), dict[str, int])
    charge(7, context=context)  # type: ignore[arg-type]
    charge("7")  # type: ignore[call-arg]
    charge("7", context=context, currency="EUR")  # type: ignore[call-arg]
    charge("7", context=context).order  # type: ignore[attr-defined]  # noqa: B018
    raw({})  # type: ignore[arg-type]


async def an_async_function_is_awaited() -> None:
    later: Coroutine[Any, Any, Receipt] = charge_later("7")
    assert_type(await later, Receipt)
    assert_type(await charge_later("7"), Receipt)
    charge_later(7)  # type: ignore[arg-type,unused-coroutine]


def a_method_is_called_without_its_object(service: Service) -> None:
    assert_type(service.charge("7", Decimal(1)), Receipt)
    assert_type(Service.charge(service, "7", Decimal(1)), Receipt)
    service.charge(7, Decimal(1))  # type: ignore[arg-type]
    service.charge("7")  # type: ignore[call-arg]


def it_has_a_worker_and_makes_steps(service: Service) -> None:
    assert_type(charge.worker, Worker)
    assert_type(service.charge.worker, Worker)
    assert_type(charge.step("charge", amount="${validate.output.total}"), WorkflowTask)
    assert_type(service.charge.step("charge", order_id="7"), WorkflowTask)
    charge.step()  # type: ignore[call-arg]
    charge.step(7)  # type: ignore[arg-type]


def it_goes_where_a_function_goes(runner: TaskRunner, service: Service) -> None:
    runner.start_worker("charge", charge)
    runner.start_worker("charge", service.charge)
    runner.start_workers(charge, service.charge, [charge_later, Worker("raw", raw)], sys.modules[__name__])
    runner.start_workers(len)  # type: ignore[arg-type]
    assert_type(run_worker(charge), TaskResult)
    taken: WorkerFunction[[str, Decimal], Receipt] = service.charge
    taken("7", Decimal(1))


async def it_goes_into_the_kit_for_tests() -> None:
    assert_type(await arun_worker(charge_later), TaskResult)


worker_task("charge", batchsize=5)  # type: ignore[call-arg]
worker_task("charge", batch_size="5")  # type: ignore[arg-type]
worker_task("charge", executor=4)  # type: ignore[arg-type]
worker_task()  # type: ignore[call-arg]


@worker_task  # type: ignore[arg-type]
def without_a_name(task: Task) -> None:
    pass
