"""What one runner has once, for all of its workers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conductor._clock import Clock
from conductor._threads import LoopThread, Timers
from conductor.models import Task
from conductor.runner.runner_log import RunnerLog
from conductor.runner.update import OnResultLost, Updater, UpdateV2
from conductor.task_client import Delivery, TaskClient
from conductor.worker import Worker

if TYPE_CHECKING:
    from conductor.runner.outbox import Outbox


@dataclass
class Shared:
    """left_behind: set when a result is lost, or waits in the outbox. on_end: called by a worker that has ended."""

    client: TaskClient
    worker_id: str
    clock: Clock
    log: RunnerLog
    left_behind: threading.Event
    on_end: Callable[[], None]
    outbox: Outbox | None
    on_result_lost: OnResultLost | None
    update_v2: UpdateV2 = field(init=False)
    loop_thread: LoopThread = field(init=False)
    timers: Timers = field(init=False)

    def __post_init__(self) -> None:
        self.update_v2 = UpdateV2(self.clock)
        self.loop_thread = LoopThread("conductor-loop")
        self.timers = Timers("conductor-timers", self.clock)

    def updater(self, task_name: str, stopping: threading.Event, abandoned: threading.Event) -> Updater:
        return Updater(
            self.client,
            task_name,
            clock=self.clock,
            update_v2=self.update_v2,
            stopping=stopping,
            abandoned=abandoned,
            left_behind=self.left_behind,
            outbox=self.outbox,
            on_result_lost=self.on_result_lost,
        )

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
