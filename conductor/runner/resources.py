"""The objects that all workers of one runner share."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from conductor._clock import Clock
from conductor._flag import Flag
from conductor._log import logger_of, printable
from conductor.calling.event_loop import EventLoop
from conductor.context import NO_LIFESPAN, WorkerContext
from conductor.delivery.context import DeliveryContext, OnResultLost
from conductor.delivery.sender_threads import SenderThreads
from conductor.errors import ConfigurationError
from conductor.health import OutboxHealth, Reason, ReasonCode
from conductor.hooks.interception import Interceptors
from conductor.payloads import PayloadStorage, largest_output
from conductor.runner.definitions import Definitions
from conductor.runner.health import Look, RunnerHealth
from conductor.runner.lifespan import Lifespan, Lifespans
from conductor.runner.runner_log import RunnerLog
from conductor.task_client import Delivery, TaskClient
from conductor.transport import ApiClient
from conductor.worker import Worker
from conductor.worker_settings import OUTBOX, RunnerSettings

if TYPE_CHECKING:
    import asyncio

    from conductor.delivery.outbox import Outbox

logger = logger_of(__name__)

TIMERS_STALLED_AFTER = 3.0
"""Seconds by which the first timer may be late."""


@dataclass
class Resources(DeliveryContext):
    """The shared objects, while workers run.

    definitions, payloads: None for a runner without an ApiClient. on_end: called by each worker when it has ended.
    payload_threads: transfer the payloads of coroutines. They are not the sender threads, because a storage that hangs
    must not hold up results.
    """

    log: RunnerLog
    definitions: Definitions | None
    on_end: Callable[[], None]
    event_loop: EventLoop
    payloads: PayloadStorage | None
    health: RunnerHealth
    payload_threads: SenderThreads = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.payload_threads = SenderThreads(self.schedule, "conductor-payload")

    def register_definition(self, worker: Worker, closed: Flag) -> None:
        """Register the worker's task definition, if it asks for that: see Definitions.register."""
        if not worker.registers:
            return
        if self.definitions is None:
            logger.info("%s: its task definition is not registered: the runner has no ApiClient", worker.task_name)
            return
        self.definitions.register(worker, closed)

    def poll(self, worker: Worker, count: int, timeout: float) -> Delivery:
        """Up to ``count`` tasks; the server may wait ``timeout`` seconds for them."""
        delivery = self.client.batch_poll(worker.task_name, self.worker_id, worker.domain, count, timeout)
        self.log.answered(worker)
        return delivery

    def outbox_health(self) -> OutboxHealth | None:
        if self.outbox is None:
            return None
        return OutboxHealth(printable(self.outbox.path), self.outbox.count())  # a path may be no UTF-8

    def reasons(self, look: Look) -> Iterator[Reason]:
        """The reasons why the objects here are not healthy."""

        def reason(code: ReasonCode, text: str, since: datetime | None) -> Reason:
            return Reason(code=code, text=text, since=since, worker_id=look.worker_id)

        blocked_since = self.event_loop.blocked_since
        if blocked_since is not None:
            said = "The event loop gets no turn: an async function blocks it, or the program does not run it."
            yield reason(ReasonCode.EVENT_LOOP_BLOCKED, said, blocked_since)
        late = self.schedule.overdue()
        if self.schedule.is_dead or late > TIMERS_STALLED_AFTER:
            said = "The timers stand still: leases are not extended, and time limits do not end tasks."
            yield reason(ReasonCode.TIMERS_DEAD, said, look.time_of(look.now - late))
        for name, threads in (
            ("extends leases", self.leases),
            ("sends results", self.sender_threads),
            ("transfers payloads", self.payload_threads),
        ):
            if threads.died_at is not None:
                yield reason(ReasonCode.THREAD_DEAD, f"A thread that {name} has died during its work.", threads.died_at)

    def close(self) -> None:
        """The last worker has ended."""
        self.event_loop.close()
        self.payload_threads.close()
        super().close()


@dataclass
class Setup:
    """The arguments of a runner.

    own_client: the client that the runner made itself, and therefore closes. event_loop: the caller's, if it gave one.
    """

    client: TaskClient
    own_client: ApiClient | None
    worker_id: str
    shutdown_timeout: float
    outbox_path: str | None
    on_result_lost: OnResultLost | None
    interceptors: Interceptors
    lifespans: Lifespans | None
    clock: Clock
    log: RunnerLog
    definitions: Definitions | None
    payloads: PayloadStorage | None
    event_loop: asyncio.AbstractEventLoop | None
    health: RunnerHealth = field(init=False)

    def __post_init__(self) -> None:
        self.health = RunnerHealth(self.worker_id, self.clock, self.client)

    def worker_context(self, worker: Worker) -> WorkerContext:
        return WorkerContext(
            stopping=Flag(),
            worker_id=self.worker_id,
            timeout=worker.timeout,
            lease_extension=worker.lease_extension,
            clock=self.clock,
            largest_output=largest_output(self.payloads),
            state=NO_LIFESPAN if self.lifespans is None else self.lifespans.state,
        )

    @property
    def entered_lifespan(self) -> Lifespan | None:
        """The lifespan that is entered, or is being left."""
        return None if self.lifespans is None else self.lifespans.entered

    def open_resources(self, work_was_left: threading.Event, on_end: Callable[[], None]) -> Resources:
        """Open the shared objects. ConfigurationError: the outbox cannot be used."""
        outbox = None if self.outbox_path is None else open_outbox(self.outbox_path, self.client)
        mine = self.client, self.worker_id, self.clock, work_was_left, outbox, self.on_result_lost
        event_loop = EventLoop("conductor-loop", self.event_loop)
        shared = self.log, self.definitions, on_end, event_loop, self.payloads, self.health
        return Resources(*mine, self.interceptors, *shared)


def usable_outbox(settings: RunnerSettings, client: TaskClient) -> str | None:
    """The absolute path of the outbox, if there is one. ConfigurationError if it cannot be used."""
    if settings.outbox is None:
        return None
    try:
        with closing(open_outbox(settings.outbox, client)) as opened:
            return opened.path
    except ConfigurationError as error:
        if settings.outbox_source != OUTBOX:
            raise
        raise ConfigurationError(f"{OUTBOX}: {error}") from error


def open_outbox(path: str | os.PathLike[str], client: TaskClient) -> Outbox:
    """Open the outbox for results that go to the client's server."""
    from conductor.delivery.outbox import Outbox  # noqa: PLC0415 - not every worker needs SQLite

    return Outbox(path, client.server)
