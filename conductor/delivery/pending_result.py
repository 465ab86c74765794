"""A result on its way to the server, and the facts that its sending goes by."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from conductor._backoff import Backoff
from conductor._log import about
from conductor.delivery.lease import Lease
from conductor.errors import ConductorError
from conductor.models import TaskResultStatus
from conductor.task_client import Delivery
from conductor.task_result import TaskResult

RETRY_AT_LEAST = 15 * 60.0
"""Seconds after its poll that a result is sent again, even when the task's own response timeout is shorter."""

NO_TASKS = Delivery([], [])


@dataclass(eq=False, slots=True)
class PendingResult:
    """Given by the worker that sends it; the clock is the runner's.

    retry_from, retry_for: it is sent again until so many seconds after that moment, or after the last extension of
        its lease.
    lease: extended while it waits, if there is one.
    answer_timeout: seconds that the answer may take; it doubles with each pause up to longest_answer_timeout, for it
        may be the server that is slow.
    may_poll: whether the answer to the first attempt may bring the next task. A repeat never asks, for each lost answer
        could hold one.
    poll_count: of the task as it was delivered; IN_PROGRESS needs it. retry_count: for the log; None: not known.
    is_from_function: so it is replaced when it is refused, and named when it is lost.
    waits_for_connection: while the server cannot be reached, its time does not run.

    Kept by its sender:

    answer: after a success. error: of the last attempt. due: when the next one is.
    is_stored: it is in the outbox. in_drain: it has failed since the worker began to stop.
    loss: the refused result in whose place it is sent, and why, until on_result_lost has been told.
    """

    result: TaskResult
    retry_from: float
    retry_for: float = RETRY_AT_LEAST
    lease: Lease | None = None
    answer_timeout: float = math.inf
    longest_answer_timeout: float = math.inf
    may_poll: bool = False
    poll_count: int = 0
    retry_count: int | None = None
    is_from_function: bool = False
    waits_for_connection: bool = False

    answer: Delivery = NO_TASKS
    error: ConductorError | None = None
    due: float = 0.0
    is_stored: bool = False
    in_drain: bool = False
    loss: tuple[TaskResult, ConductorError] | None = None
    backoff: Backoff = field(default_factory=Backoff)

    @property
    def is_terminal(self) -> bool:
        """Whether it may be sent twice: of an ended task the server ignores it (3.32.3)."""
        return self.result.status != TaskResultStatus.IN_PROGRESS

    @property
    def retry_deadline(self) -> float:
        return (self.retry_from if self.lease is None else self.lease.renewed_at) + self.retry_for

    def about(self, task_name: str) -> dict[str, object]:
        """For ``extra=`` of a log record."""
        return about(task_name, self.result, self.retry_count)
