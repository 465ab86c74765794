"""The health of one worker, read from its parts. Nothing here costs its tasks anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from conductor._log import printable
from conductor.calling.callers import Caller
from conductor.delivery.result_sender import ResultSender
from conductor.health import LastError, Reason, ReasonCode, RunningTask, WorkerHealth, WorkerState
from conductor.runner.capacity import Capacity
from conductor.runner.health import Look
from conductor.runner.intake import Intake
from conductor.runner.pulse import Pulse, Step
from conductor.runner.resources import Resources
from conductor.runner.run import Run
from conductor.runner.steps import TaskSteps
from conductor.worker import Worker, WorkerKey

NO_ANSWER_AFTER = 3.0
"""Seconds beyond the wait at the server after which a poll without an answer makes a worker not ready."""
STALLED_AFTER = 3.0
"""Seconds that the code around a request, such as an interceptor, may take before the worker is not healthy."""
UNENDING_AFTER = 2.0
"""Seconds beyond its deadline after which a request that has not ended makes a worker not healthy."""
MOST_TASKS = 100
"""Tasks in hand that are listed."""


class Threads(Protocol):
    """The slots of a worker."""

    @property
    def died_at(self) -> datetime | None: ...


@dataclass(frozen=True)
class Parts:
    """The parts of a running worker that tell its health. caller: None for an ``async def`` function."""

    worker: Worker
    capacity: Capacity
    intake: Intake
    sender: ResultSender
    steps: TaskSteps
    slots: Threads
    caller: Caller | None


class VitalSigns:
    """The health of one worker. Thread-safe, without a lock: each fact is read by itself."""

    def __init__(self, parts: Parts, shared: Resources, pulse: Pulse) -> None:
        self.shared = shared
        self._parts = parts
        self._pulse = pulse

    @property
    def key(self) -> WorkerKey:
        return self._parts.worker.key

    @property
    def has_ended(self) -> bool:
        return self._parts.capacity.has_ended

    def examine(self, look: Look) -> WorkerHealth:
        """The worker's own part of the health."""
        parts, pulse = self._parts, self._pulse
        runs, in_hand = parts.intake.runs, parts.intake.in_hand
        oldest = sorted(runs, key=lambda run: run.received)[:MOST_TASKS]
        return WorkerHealth(
            task_name=parts.worker.task_name,
            domain=parts.worker.domain,
            worker_id=look.worker_id,
            process_id=look.process_id,
            state=self._state(look, in_hand),
            batch_size=parts.capacity.limit,
            free_slots=max(0, parts.capacity.limit - in_hand),
            in_hand=in_hand,
            running=[_running(run, look) for run in oldest],
            poll_age=None if pulse.good_at is None else look.now - pulse.good_at,
            last_error=self._last_error(),
            rates=look.rates.get(parts.worker.task_name),
        )

    def reasons(self, look: Look) -> Iterator[Reason]:
        """The reasons why it is not healthy or not ready."""
        died_at = self._parts.slots.died_at
        if died_at is not None:
            said = "a thread has died in the middle of a task, and its slot is lost"
            yield self._reason(look, ReasonCode.THREAD_DEAD, said, died_at)
        for trouble, since in () if self._parts.caller is None else self._parts.caller.troubles():
            yield self._reason(look, ReasonCode.PROCESS_MISSING, trouble, since)
        if self._parts.capacity.closed.is_set():  # its thread has ended, or is about to
            return
        pulse, stalled, late, is_paused = self._pulse, self._stalled(look), self._late(look), self._is_paused
        if pulse.died_at is not None:
            said = "its poll thread has died, so it gets no tasks"
            yield self._reason(look, ReasonCode.POLL_THREAD_DEAD, said, look.time_of(pulse.died_at))
        elif stalled is not None:
            place = "an interceptor or other code around the request" if stalled.held is None else "its request"
            said = f"its poll thread has stood still in {place} for {look.now - stalled.since:.0f} s"
            yield self._reason(look, ReasonCode.POLL_STALLED, said, look.time_of(stalled.since))
        elif late > NO_ANSWER_AFTER and not is_paused:
            said = f"a poll has got no answer, and is {late:.0f} s late"
            yield self._reason(look, ReasonCode.NO_ANSWER, said, look.time_of(look.now - late))
        elif pulse.fails_since is not None and not is_paused:
            yield self._failing(look, pulse.fails_since)
        elif pulse.good_at is None and not is_paused:
            yield self._reason(look, ReasonCode.NO_GOOD_POLL, "no poll has been answered yet", None)

    def _failing(self, look: Look, since: float) -> Reason:
        refused, error = self._pulse.is_refused, self._pulse.last_error
        text = "" if error is None else printable(error.text)
        if refused:
            said, code = f"the server refuses its credentials: {text}", ReasonCode.UNAUTHORISED
        else:
            said, code = f"polls fail: {text}", ReasonCode.POLLS_FAIL
        return self._reason(look, code, said, look.time_of(since))

    @property
    def _is_paused(self) -> bool:
        return self._parts.capacity.is_paused or self._parts.capacity.limit == 0

    def _stalled(self, look: Look) -> Step | None:
        """The part of a poll in which the poll thread stands still."""
        step = self._pulse.step
        if step is None:
            return None
        allowed = STALLED_AFTER if step.held is None else step.held + look.answers_within + UNENDING_AFTER
        return step if look.now - step.since > allowed else None

    def _late(self, look: Look) -> float:
        """The seconds for which the request under way has lasted beyond its wait at the server."""
        step = self._pulse.step
        return 0.0 if step is None or step.held is None else max(0.0, look.now - step.since - step.held)

    def _state(self, look: Look, in_hand: int) -> WorkerState:
        capacity = self._parts.capacity
        if self.has_ended:
            return "ended"
        if capacity.closed.is_set():
            return "draining"
        if self._pulse.died_at is not None or self._stalled(look) is not None:
            return "dead"
        if self._is_paused:
            return "paused"
        if self._pulse.fails_since is not None or self._late(look) > NO_ANSWER_AFTER:
            return "failing"
        if self._pulse.good_at is None:
            return "starting"
        return "busy" if in_hand >= capacity.limit else "polling"

    def _last_error(self) -> LastError | None:
        errors = self._pulse.last_error, self._parts.sender.last_error, self._parts.steps.last_error
        last = max((error for error in errors if error is not None), key=lambda error: error.at, default=None)
        return None if last is None else LastError(last.kind, printable(last.text), last.at)

    def _reason(self, look: Look, code: ReasonCode, text: str, since: datetime | None) -> Reason:
        task_name, domain = self.key
        name = task_name if domain is None else f"{task_name} (domain {domain})"
        return Reason(
            code=code,
            text=f"Worker {name}: {text}.",
            since=since,
            task_name=task_name,
            domain=domain,
            worker_id=look.worker_id,
        )


def _running(run: Run, look: Look) -> RunningTask:
    return RunningTask(
        task_id=run.task.task_id,
        workflow_instance_id=run.task.workflow_instance_id,
        seconds=max(0.0, look.now - run.received),
        phase=run.phase.name.lower(),
    )
