"""A worker program with conductor-python, as its documentation writes one. Runs in an environment of its own."""

from __future__ import annotations

from typing import Any

from assignment import COROUTINES, FUNCTIONS, Assignment, Output

from conductor.client.automator.task_handler import TaskHandler  # type: ignore[import-not-found]
from conductor.client.configuration.configuration import Configuration  # type: ignore[import-not-found]
from conductor.client.http.models.task import Task  # type: ignore[import-not-found]
from conductor.client.worker.worker import Worker  # type: ignore[import-not-found]

assignment = Assignment.read()


def execute(task: Task) -> Output:  # noqa: ARG001 - its name and type say that it takes the task
    return FUNCTIONS[assignment.work]()


async def execute_async(task: Task) -> Output:  # noqa: ARG001 - as above
    return await COROUTINES[assignment.work]()


def main() -> None:
    configuration = Configuration(server_api_url=assignment.url)
    function: Any = execute_async if assignment.coroutines else execute
    workers = [Worker(name, function, thread_count=assignment.concurrency) for name in assignment.task_names]
    with TaskHandler(workers, configuration, scan_for_annotated_workers=False) as handler:
        handler.start_processes()
        handler.join_processes()


if __name__ == "__main__":
    main()
