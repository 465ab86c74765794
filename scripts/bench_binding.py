"""The time that binding adds to the call of a worker function, in microseconds: ``python scripts/bench_binding.py``."""

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


def microseconds(call: Callable[[], Any]) -> float:
    return min(timeit.repeat(call, number=CALLS, repeat=REPEATS)) / CALLS * 1e6


def main() -> None:
    for name, function, given in ROWS:
        context = TaskContext(Task("t", "w", input_data=given), Flag(), WorkerContext(Flag()))
        bound = bind(function)
        values = [None] * function.__code__.co_argcount
        bare = microseconds(lambda function=function, values=values: function(*values))
        whole = microseconds(lambda bound=bound, context=context: bound(context))
        print(f"{name:32} {whole - bare:6.2f}")


if __name__ == "__main__":
    main()
