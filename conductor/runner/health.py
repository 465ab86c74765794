"""The health of one runner: its workers, the objects that they share, and the conclusion."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from conductor import _runners
from conductor._clock import Clock
from conductor._rates import RateMeter
from conductor.health import Health, OutboxHealth, Rates, Reason, WorkerHealth, health_of
from conductor.task_client import HttpTaskClient, TaskClient
from conductor.transport import SHORT_TIMEOUT
from conductor.worker import WorkerKey


class Look:
    """The time of one look at a runner, and the facts that all its workers share.

    answers_within: the seconds that a poll may take beyond its wait at the server. rates: by task type.
    """

    def __init__(self, worker_id: str, clock: Clock, answers_within: float, rates: dict[str, Rates]) -> None:
        self.worker_id = worker_id
        self.process_id = os.getpid()
        self.answers_within = answers_within
        self.rates = rates
        self.now = clock.now()
        self.at = datetime.now(UTC)

    def time_of(self, moment: float) -> datetime:
        """The time at a moment of the runner's clock."""
        return self.at - timedelta(seconds=self.now - moment)


class Shared(Protocol):
    """The Resources of a runner."""

    def reasons(self, look: Look) -> Iterable[Reason]: ...
    def outbox_health(self) -> OutboxHealth | None: ...


class Observed(Protocol):
    """The VitalSigns of a running worker."""

    @property
    def key(self) -> WorkerKey: ...
    @property
    def has_ended(self) -> bool: ...
    @property
    def shared(self) -> Shared: ...
    def examine(self, look: Look) -> WorkerHealth: ...
    def reasons(self, look: Look) -> Iterable[Reason]: ...


class RunnerHealth:
    """Knows the workers of a runner, also those that have ended, until others take their places.

    ``look`` is thread-safe. The runner adds one worker at a time.
    """

    def __init__(self, worker_id: str, clock: Clock, client: TaskClient) -> None:
        self._worker_id = worker_id
        self._clock = clock
        self._answers_within = client.longest_small_request if isinstance(client, HttpTaskClient) else SHORT_TIMEOUT
        self._meter = RateMeter()
        self._workers: list[Observed] = []  # replaced as a whole, so that a reader needs no lock

    def add(self, worker: Observed) -> None:
        """A worker has started. An ended worker of the same task name and domain is forgotten."""
        others = [each for each in self._workers if each.key != worker.key or not each.has_ended]
        self._workers = [*others, worker]
        _runners.add(self)

    def look(self) -> Health:
        """The health now. Makes no request, and waits for nothing but a statement of the outbox."""
        workers = self._workers
        look = Look(self._worker_id, self._clock, self._answers_within, self._meter.rates(self._clock.now()))
        alive = [each for each in workers if not each.has_ended]
        shared = {id(each.shared): each.shared for each in alive}.values()
        reasons = [reason for each in shared for reason in each.reasons(look)]
        reasons += [reason for each in alive for reason in each.reasons(look)]
        outboxes = [outbox for each in shared if (outbox := each.outbox_health()) is not None]
        return health_of([each.examine(look) for each in workers], reasons, outboxes, look.at)
