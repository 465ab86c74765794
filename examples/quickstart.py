"""Two workers: one returns a dataclass, the other returns its task to the queue once and then completes it."""

import dataclasses
import random
import sys

from conductor import Task, TaskResult, TaskResultStatus, TaskRunner, worker_task


@dataclasses.dataclass
class TaskOutput:
    keys: list[str]
    message: str
    value: float


@worker_task("simple_task", batch_size=5)
def simple_worker() -> TaskOutput:
    return TaskOutput(keys=["Key1", "Key2"], message="Hello World", value=random.random())


@worker_task("long_running_task", batch_size=5)
def long_running_worker(task: Task) -> TaskResult:
    result = TaskResult.from_task(task)
    if task.poll_count == 1:  # the first delivery: deliver it again after a second
        result.status = TaskResultStatus.IN_PROGRESS
        result.callback_after_seconds = 1
    else:
        result.output_data = {"heard": task.input_data["message"], "deliveries": task.poll_count}
    return result


def main() -> bool:
    runner = TaskRunner()  # CONDUCTOR_SERVER_URL says where the server is
    runner.start_workers(simple_worker, long_running_worker)
    return runner.wait_workers()  # returns after SIGINT or SIGTERM, when running tasks have finished


if __name__ == "__main__":
    sys.exit(not main())
