"""A worker program with this project: its public interface, nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assignment import COROUTINES, FUNCTIONS, Assignment, Output

from conductor import ApiClient, HttpSettings, Task, TaskRunner, process_pool

assignment = Assignment.read()


def execute(_task: Task) -> Output:
    return FUNCTIONS[assignment.work]()


async def execute_async(_task: Task) -> Output:
    return await COROUTINES[assignment.work]()


def main() -> None:
    client = ApiClient(http_settings=HttpSettings(assignment.url))
    runner = TaskRunner(client, outbox=Path(assignment.outbox) if assignment.outbox else None)
    function: Any = execute_async if assignment.coroutines else execute
    executor = process_pool(assignment.processes) if assignment.processes else None
    for name in assignment.task_names:
        runner.start_worker(name, function, assignment.concurrency, executor=executor)
    runner.wait_workers()


if __name__ == "__main__":
    main()
