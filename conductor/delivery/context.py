"""The objects that all senders of one runner share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conductor._clock import Clock
from conductor._schedule import Schedule
from conductor.delivery.lease import LeaseKeeper
from conductor.delivery.log_sender import LogSender
from conductor.delivery.sender_threads import SenderThreads
from conductor.delivery.update_v2 import UpdateV2
from conductor.errors import ConductorError
from conductor.hooks.interception import Interceptors
from conductor.task_client import TaskClient
from conductor.task_result import TaskResult

if TYPE_CHECKING:
    from conductor.delivery.outbox import Outbox

OnResultLost = Callable[[TaskResult, ConductorError], object]


@dataclass
class DeliveryContext:
    """work_was_left: set when a result is lost or stays in the outbox."""

    client: TaskClient
    worker_id: str
    clock: Clock
    work_was_left: threading.Event
    outbox: Outbox | None
    on_result_lost: OnResultLost | None
    interceptors: Interceptors
    schedule: Schedule = field(init=False)
    update_v2: UpdateV2 = field(init=False)
    leases: LeaseKeeper = field(init=False)
    sender_threads: SenderThreads = field(init=False)
    log_sender: LogSender = field(init=False)

    def __post_init__(self) -> None:
        self.schedule = Schedule("conductor-timers", self.clock)
        self.update_v2 = UpdateV2(self.clock)
        self.leases = LeaseKeeper(self.client, self.worker_id, self.clock, self.schedule)
        self.sender_threads = SenderThreads(self.schedule)
        self.log_sender = LogSender(self.client, self.clock, self.schedule)

    def close(self) -> None:
        """Called after the last worker. Results that are sent later stay in the closed outbox."""
        self.schedule.close()
        self.leases.close()
        self.sender_threads.close()
        self.log_sender.close()
        if self.outbox is not None:
            self.outbox.close()
