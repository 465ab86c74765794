"""What all results of a runner are sent with."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conductor._clock import Clock
from conductor.delivery.update import OnResultLost, Updater, UpdateV2
from conductor.task_client import TaskClient

if TYPE_CHECKING:
    from conductor.delivery.outbox import Outbox


@dataclass
class DeliveryContext:
    """left_behind: set when a result is lost, or waits in the outbox."""

    client: TaskClient
    worker_id: str
    clock: Clock
    left_behind: threading.Event
    outbox: Outbox | None
    on_result_lost: OnResultLost | None
    update_v2: UpdateV2 = field(init=False)

    def __post_init__(self) -> None:
        self.update_v2 = UpdateV2(self.clock)

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
