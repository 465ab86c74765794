"""What one runner has once, for all of its workers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from conductor._threads import Timers
from conductor.calling.event_loop import LoopThread
from conductor.delivery.context import DeliveryContext
from conductor.models import Task
from conductor.runner.runner_log import RunnerLog
from conductor.task_client import Delivery
from conductor.worker import Worker


@dataclass(kw_only=True)
class Shared(DeliveryContext):
    """on_end: called by a worker that has ended."""

    log: RunnerLog
    on_end: Callable[[], None]
    loop_thread: LoopThread = field(init=False)
    timers: Timers = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.loop_thread = LoopThread("conductor-loop")
        self.timers = Timers("conductor-timers", self.clock)

    def poll(self, worker: Worker, count: int, timeout: float) -> Delivery:
        delivery = self.client.batch_poll(worker.task_name, self.worker_id, worker.domain, count, timeout)
        self.log.answered(worker)
        return delivery

    def extend_lease(self, task: Task, timeout: float) -> None:
        self.client.extend_lease(task, self.worker_id, timeout)

    def close(self) -> None:
        """The last worker has ended."""
        self.loop_thread.close()
        self.timers.close()
        if self.outbox is not None:
            self.outbox.close()
