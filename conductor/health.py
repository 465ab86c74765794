"""The health of workers, as ``TaskRunner.health`` and the pages of the metrics port tell it.

msgspec writes and reads it: ``msgspec.json.encode(runner.health())``.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal

import msgspec


class ReasonCode(enum.StrEnum):
    """The kinds of reasons. With one of the first six the process is not healthy, with any of them it is not ready."""

    POLL_THREAD_DEAD = "poll_thread_dead"
    POLL_STALLED = "poll_stalled"
    EVENT_LOOP_BLOCKED = "event_loop_blocked"
    PROCESS_MISSING = "process_missing"
    TIMERS_DEAD = "timers_dead"
    THREAD_DEAD = "thread_dead"
    NO_GOOD_POLL = "no_good_poll"
    UNAUTHORISED = "unauthorised"
    POLLS_FAIL = "polls_fail"
    NO_ANSWER = "no_answer"
    DRAINING = "draining"
    ENDED = "ended"
    NO_WORKER = "no_worker"


_ILLNESSES = frozenset(
    {
        ReasonCode.POLL_THREAD_DEAD,
        ReasonCode.POLL_STALLED,
        ReasonCode.EVENT_LOOP_BLOCKED,
        ReasonCode.PROCESS_MISSING,
        ReasonCode.TIMERS_DEAD,
        ReasonCode.THREAD_DEAD,
    }
)
_OF_ALL_WORKERS = frozenset({ReasonCode.DRAINING, ReasonCode.ENDED, ReasonCode.NO_WORKER})


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """A reason why a process is not healthy, or not ready.

    text: a sentence that names the worker. since: None where that is not known. task_name: None for a reason that
    concerns all workers of a runner. worker_id: of the runner; empty for a reason that concerns all runners.
    """

    code: ReasonCode
    text: str
    since: datetime | None = None
    task_name: str | None = None
    domain: str | None = None
    worker_id: str = ""

    @property
    def is_illness(self) -> bool:
        """Whether the process is not healthy, so that a restart may help."""
        return self.code in _ILLNESSES


class LastError(msgspec.Struct, frozen=True):
    """The last error of a worker. kind: of a poll, of a function (task), or of the sending of a result (update)."""

    kind: Literal["poll", "task", "update"]
    text: str
    at: datetime


class RunningTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task in hand.

    seconds: since its delivery. phase: waiting (its function has not begun), executing, reporting, or sending (its
    result is sent, or waits for another attempt).
    """

    task_id: str
    workflow_instance_id: str
    seconds: float
    phase: str


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers per second of one task type in this process, over the last ``over`` seconds.

    That is about a minute, less in a young process, and more if the health was not read for longer.
    """

    polls: float
    executions: float
    failures: float
    over: float


WorkerState = Literal["starting", "polling", "busy", "paused", "failing", "dead", "draining", "ended"]


class WorkerHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One worker.

    state: starting (no good poll yet), polling, busy (every slot has a task, so it does not poll), paused (also by a
        batch size of 0), failing (the last poll failed or has no answer), dead (its poll thread has ended or stands
        still), draining, or ended.
    worker_id, process_id: of its runner. free_slots: of batch_size.
    poll_age: the seconds since the begin of the last good poll; None before it.
    in_hand: the number of tasks in hand. running: the oldest hundred of them, the oldest first.
    rates: None until the process has counted for a second. MetricsCollector and provide_metrics begin the counting.
    """

    task_name: str
    domain: str | None
    worker_id: str
    process_id: int
    state: WorkerState
    batch_size: int
    free_slots: int
    in_hand: int
    running: Sequence[RunningTask] = ()
    poll_age: float | None = None
    last_error: LastError | None = None
    rates: Rates | None = None


class OutboxHealth(msgspec.Struct, frozen=True):
    """An outbox file. results: the number of results in it for the runner's server; None: it cannot be read."""

    path: str
    results: int | None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The health of one runner, or of several as one: see ``merged``.

    healthy: False asks for a restart of the process. ready: whether the workers take tasks. It is False too if the
        process is not healthy.
    reasons: why it is not healthy or not ready. Ready means that there are none. at: the time of the look.
    """

    healthy: bool
    ready: bool
    reasons: Sequence[Reason]
    workers: Sequence[WorkerHealth]
    outboxes: Sequence[OutboxHealth]
    at: datetime


def health_of(
    workers: Sequence[WorkerHealth], reasons: Iterable[Reason], outboxes: Iterable[OutboxHealth], at: datetime
) -> Health:
    """The health that follows from the workers and from the reasons of single workers and runners."""
    found = [reason for reason in reasons if reason.code not in _OF_ALL_WORKERS]  # those follow from the workers
    found += _reasons_of_all(workers)
    by_path = {each.path: each for each in outboxes}
    healthy = not any(reason.is_illness for reason in found)
    return Health(healthy=healthy, ready=not found, reasons=found, workers=workers, outboxes=[*by_path.values()], at=at)


def merged(healths: Iterable[Health]) -> Health:
    """Several runners or processes as one. An ended runner beside others counts for nothing."""
    several = [*healths]
    return health_of(
        [worker for health in several for worker in health.workers],
        [reason for health in several for reason in health.reasons],
        [outbox for health in several for outbox in health.outboxes],
        max((health.at for health in several), default=datetime.now(UTC)),
    )


def _reasons_of_all(workers: Sequence[WorkerHealth]) -> list[Reason]:
    states = {worker.state for worker in workers}
    if not states:
        return [Reason(code=ReasonCode.NO_WORKER, text="No worker has been started.")]
    if states == {"ended"}:
        return [Reason(code=ReasonCode.ENDED, text="All workers have ended.")]
    if states <= {"draining", "ended"}:
        return [Reason(code=ReasonCode.DRAINING, text="All workers drain: they finish their tasks and take no more.")]
    return []
