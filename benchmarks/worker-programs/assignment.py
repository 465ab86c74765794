"""The work that a worker program is given. It stands in the environment, so that the program's processes see it."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

VARIABLE = "BENCHMARK_ASSIGNMENT"

Output = dict[str, int]


@dataclass(frozen=True)
class Assignment:
    """concurrency: tasks of one type at once. work: a name of ``FUNCTIONS``. processes: to run functions in; 0: none.
    outbox: a file. batch: the number of tasks that a bare loop polls for. typed: the function takes typed arguments and
    reads the task's context, and an interceptor is around it.
    """

    url: str
    task_names: list[str]
    concurrency: int
    work: str = "nothing"
    coroutines: bool = False
    processes: int = 0
    outbox: str | None = None
    batch: int = 10
    typed: bool = False

    @classmethod
    def read(cls) -> Assignment:
        return cls(**json.loads(os.environ[VARIABLE]))


def nothing() -> Output:
    return {}


def wait_10_ms() -> Output:
    time.sleep(0.01)
    return {}


def compute_1_ms() -> Output:
    """Of this thread's own time on a processor, however many others there are."""
    end = time.thread_time() + 0.001
    while time.thread_time() < end:
        pass
    return {}


def tell_start() -> Output:
    return {"started": time.time_ns()}


async def nothing_async() -> Output:
    return {}


async def wait_100_ms_async() -> Output:
    await asyncio.sleep(0.1)
    return {}


FUNCTIONS: dict[str, Callable[[], Output]] = {
    "nothing": nothing,
    "wait_10_ms": wait_10_ms,
    "compute_1_ms": compute_1_ms,
    "tell_start": tell_start,
}
COROUTINES: dict[str, Callable[[], Awaitable[Output]]] = {"nothing": nothing_async, "wait_100_ms": wait_100_ms_async}
