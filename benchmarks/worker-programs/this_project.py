"""A worker program with this project: its public interface, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assignment import COROUTINES, FUNCTIONS, Assignment, Output

from conductor import ApiClient, HttpSettings, Interceptor, Task, TaskRunner, process_pool, task_context

assignment = Assignment.read()


def execute(_task: Task) -> Output:
    return FUNCTIONS[assignment.work]()


async def execute_async(_task: Task) -> Output:
    return await COROUTINES[assignment.work]()


@dataclass
class Record:
    id: int
    name: str
    amount: float
    paid: bool


def execute_typed(record: Record) -> Output:
    assert task_context().task_id
    assert record.id == 7
    return FUNCTIONS[assignment.work]()


class Counting(Interceptor):
    calls = 0

    def execute(self, task: Task, proceed: Callable[[], Any]) -> Any:
        self.calls += bool(task.task_id)
        return proceed()


def main() -> None:
    client = ApiClient(http_settings=HttpSettings(assignment.url))
    outbox = Path(assignment.outbox) if assignment.outbox else None
    runner = TaskRunner(client, outbox=outbox, interceptors=[Counting()] if assignment.typed else [])
    function: Any = execute_async if assignment.coroutines else execute_typed if assignment.typed else execute
    executor = process_pool(assignment.processes) if assignment.processes else None
    for name in assignment.task_names:
        runner.start_worker(name, function, assignment.concurrency, executor=executor)
    runner.wait_workers()


if __name__ == "__main__":
    main()
