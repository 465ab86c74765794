"""A result that is being sent, with the data for its attempts."""

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
"""Seconds that a result is sent again after the poll of its task, even if the task's lease is shorter."""

NO_TASKS = Delivery([], [])


@dataclass(eq=False, slots=True)
class PendingResult:
    """Times are on the runner's clock. The first group of fields is given by the worker that sends the result.

    retry_from, retry_for: attempts continue for retry_for seconds after retry_from, or after the last extension of the
        lease.
    lease: it is extended while the result waits. None: it is not extended.
    answer_timeout: the seconds that the answer may take. It doubles at each pause, up to longest_answer_timeout,
        because the server may be slow.
    may_poll: whether the answer to the first attempt may bring the next task. Further attempts never ask for one,
        because each lost answer could contain a task.
    poll_count: of the delivered task; needed for IN_PROGRESS. retry_count: for the log; None if it is not known.
    is_from_function: if True, a refused result is replaced, and a lost one is reported.
    waits_for_connection: if True, time without a connection does not count.

    The second group belongs to the sender.

    answer: set after a success. error: of the last attempt. due: the time of the next attempt.
    is_stored: the result is in the outbox. in_drain: an attempt has failed since the worker began to stop.
    loss: the refused result that this one replaces, and the error, for on_result_lost.
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
        """Whether it may be sent twice. The server ignores a result of an ended task (3.32.3)."""
        return self.result.status != TaskResultStatus.IN_PROGRESS

    @property
    def retry_deadline(self) -> float:
        return (self.retry_from if self.lease is None else self.lease.renewed_at) + self.retry_for

    def about(self, task_name: str) -> dict[str, object]:
        """For ``extra=`` of a log record."""
        return about(task_name, self.result, self.retry_count)
