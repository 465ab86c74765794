"""The time that binding adds to the call of a worker function, in microseconds: ``python -m benchmarks.binding``."""

import dataclasses
import datetime as dt
import timeit
from collections.abc import Callable
from typing import Any

import msgspec

from conductor import Task, TaskContext
from conductor._flag import Flag
from conductor.binding.bind import bind
from conductor.context import WorkerContext

CALLS = 20_000
REPEATS = 7


@dataclasses.dataclass
class Order:
    number: int
    sku: str
    price: float
    express: bool
    note: str | None = None


class OrderStruct(msgspec.Struct):
    number: int
    sku: str
    price: float
    express: bool
    note: str | None = None


def of_task(task: Task) -> None: ...
def of_dataclass(order: Order) -> None: ...
def of_struct(order: OrderStruct) -> None: ...
def of_mapping(order: dict[str, Any]) -> None: ...
def of_two_members(number: int, sku: str) -> None: ...
def of_five_members(number: int, sku: str, price: float, express: bool, note: str | None = None) -> None: ...
def of_any(number: Any) -> None: ...
def of_time(at: dt.datetime) -> None: ...


ORDER = {"number": 1, "sku": "a-1", "price": 9.5, "express": True, "note": "soon"}
ROWS: list[tuple[str, Callable[..., None], dict[str, Any]]] = [
    ("task: Task", of_task, ORDER),
    ("dataclass of 5 fields", of_dataclass, ORDER),
    ("dataclass, as a member", of_dataclass, {"order": ORDER}),
    ("msgspec.Struct of 5 fields", of_struct, ORDER),
    ("dict[str, Any]", of_mapping, ORDER),
    ("2 members", of_two_members, ORDER),
    ("5 members", of_five_members, ORDER),
    ("a member without a type", of_any, ORDER),
    ("datetime", of_time, {"at": "2026-01-02T03:04:05Z"}),
    ("datetime that msgspec refuses", of_time, {"at": "2026-01-02T03:04:05+01:00[Europe/Paris]"}),
]


def measure_binding() -> dict[str, float]:
    """By the keys of ``report.KINDS``."""
    return {"binding": added(of_dataclass, ORDER)}


def added(function: Callable[..., None], given: dict[str, Any]) -> float:
    """The microseconds that a call with this input takes longer than one with arguments."""
    context = TaskContext(Task("t", "w", input_data=given), Flag(), WorkerContext(Flag()))
    bound = bind(function)
    values = [None] * function.__code__.co_argcount
    return _microseconds(lambda: bound(context)) - _microseconds(lambda: function(*values))


def _microseconds(call: Callable[[], Any]) -> float:
    return min(timeit.repeat(call, number=CALLS, repeat=REPEATS)) / CALLS * 1e6


if __name__ == "__main__":
    for name, function, given in ROWS:
        print(f"{name:32} {added(function, given):6.2f}")
