"""A worker as the documentation of conductor-python shows it."""

import sys

from conductor.client.automator.task_handler import TaskHandler
from conductor.client.configuration.configuration import Configuration
from conductor.client.worker.worker_task import worker_task


@worker_task(task_definition_name="greet", worker_id="another library")
def greet(name: str) -> dict:
    if not name:
        raise ValueError("nobody to greet")
    return {"greeting": f"Hello {name}"}


if __name__ == "__main__":
    with TaskHandler(configuration=Configuration()) as handler:
        handler.start_processes()
        sys.stdin.read()  # until the test closes it
