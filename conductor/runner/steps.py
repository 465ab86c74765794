"""The steps of a task that are the same wherever its function runs: begin, end, prepare the result, finish."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from conductor import _recording
from conductor._flag import Flag
from conductor._log import about, logger_of
from conductor._notes import NOTHING
from conductor.delivery.pending_result import RETRY_AT_LEAST, PendingResult
from conductor.health import LastError
from conductor.models import TaskResultStatus
from conductor.runner import task_log
from conductor.runner.capacity import Capacity
from conductor.runner.intake import Intake
from conductor.runner.resources import Resources
from conductor.runner.run import Phase, Run
from conductor.runner.task_payloads import TaskPayloads
from conductor.task_client import Delivery
from conductor.task_result import CallOutcome, PreparedResult, at_most_ten, failed, prepare_result
from conductor.worker import Worker

logger = logger_of(__name__)

SHORTEST_ANSWER = 1.0
"""Seconds that the server gets for its answer to a result, even if the lease is shorter."""
SLOWEST_UPLOAD = 1e6
"""Bytes per second. A large result gets the time of its upload in addition."""
LARGE_OUTPUT = 1 << 20
"""Bytes of JSON. A larger output is logged, because gateways refuse it (nginx by default, with 413)."""


class TaskSteps:
    """The steps of one worker's tasks. Thread-safe."""

    def __init__(
        self, worker: Worker, resources: Resources, capacity: Capacity, intake: Intake, abandoned: Flag
    ) -> None:
        """abandoned: set when the drain is over."""
        self.payloads = TaskPayloads(worker.task_name, resources, abandoned)
        self._worker = worker
        self._resources = resources
        self._capacity = capacity
        self._intake = intake
        self.last_error: LastError | None = None
        """Of a function."""

    def begin(self, run: Run, time_out: Callable[[Run], object]) -> bool:
        """Called just before the function. Returns whether it may run. time_out: see ``start_time_limit``."""
        if not run.move(Phase.WAITING, Phase.EXECUTING):
            return False
        run.is_logged = task_log.begun(self._worker.task_name, run.task)
        self.start_time_limit(run, time_out)
        _recording.executions.count(self._worker.task_name)
        return True

    def start_time_limit(self, run: Run, time_out: Callable[[Run], object]) -> None:
        """Let the worker's time limit, if it has one, count from now.

        time_out: called on the schedule's thread when the limit has passed.
        """
        if self._worker.timeout is not None:
            schedule = self._resources.schedule
            schedule.cancel(run.time_limit)
            run.time_limit = schedule.at(self._resources.clock.now() + self._worker.timeout, partial(time_out, run))

    def end(self, run: Run) -> bool:
        """Called after the function. Returns False if the time limit came first and has taken the run over."""
        if self._worker.timeout is not None:
            self._resources.schedule.cancel(run.time_limit)
        return run.move(Phase.EXECUTING, Phase.REPORTING)

    def timed_out(self, run: Run, fate: str) -> PreparedResult:
        """The result of a task whose time limit has passed, with the function's notes.

        fate: of its function, for the log.
        """
        final = NOTHING if run.context is None else run.context.end()  # before the function hears that it is lost
        run.lost.set()
        limit = self._worker.timeout or 0.0
        task_log.timed_out(self._worker.task_name, run.task, limit, fate)
        reason = f"TimeoutError: not finished after {limit:g} s, the worker's time limit"
        result = failed(run.task.task_id, run.task.workflow_instance_id, reason)
        size = 2
        if final.output is not None:
            result.output_data, size = final.output
        result.logs = at_most_ten([*final.lines])
        result.worker_id = self._resources.worker_id
        return PreparedResult(result, size, limit, TimeoutError.__name__)

    def prepare(self, run: Run, ended: CallOutcome | PreparedResult) -> PreparedResult:
        """Prepare the result, record it and log the end of the task."""
        error = None
        if isinstance(ended, CallOutcome):
            error = ended.error
            ended = prepare_result(run.task, ended, self._resources.worker_id, self.payloads.largest_output)
        if run.context is not None and run.context.notes is not None:
            run.context.notes.date(ended.result.logs)
        if ended.error is not None:
            self.last_error = LastError("task", ended.result.reason_for_incompletion or ended.error, datetime.now(UTC))
        self._record(run, ended)
        task_log.ended(self._worker.task_name, run.task, ended, error, run.is_logged)
        return ended

    def must_upload(self, prepared: PreparedResult) -> bool:
        """Whether ``to_send`` blocks for an upload."""
        return prepared.size > self.payloads.upload_over and bool(prepared.result.output_data)

    def to_send(self, run: Run, prepared: PreparedResult) -> PendingResult:
        """The result as it is sent. Blocks for the upload of a large output, if that is switched on."""
        if self.must_upload(prepared):
            prepared = self.payloads.upload(run, prepared)
        if prepared.result.status == TaskResultStatus.IN_PROGRESS:
            self._intake.allow_redelivery(run)
        run.move(Phase.REPORTING, Phase.SENDING)
        return self._pending_result(run, prepared)

    def finish(self, run: Run, answer: Delivery) -> Run | None:
        """Let go of a task whose result is out of hand. Returns the slot's next task, if the answer brought one."""
        self._intake.forget(run)
        return self._intake.next_run(answer)

    def not_reported(self, run: Run, bug: Exception) -> None:
        """Let go of a task whose result a bug of this package has lost. It is delivered again after its lease."""
        _recording.uncaught.count_error(bug)
        self._resources.work_was_left.set()
        logger.error("a bug kept a result from being sent", exc_info=bug, extra=self._about(run))
        self._intake.forget(run)

    def not_ended(self, run: Run) -> bool:
        """Let go of a task whose function stands still, because its event loop is closed.

        Returns False if the time limit came first and has taken the run over.
        """
        self._resources.schedule.cancel(run.time_limit)
        if not self._intake.killed(run):
            return False
        said = "its event loop was closed while it ran; the task is delivered again when its lease ends"
        logger.error(said, extra=self._about(run))
        return True

    def not_started(self, run: Run, error: Exception) -> None:
        """Hand back a task that could not be started, for example because the system has no thread left."""
        logger.error("handed back a task that could not be started: %s", error, extra=self._about(run))
        self._intake.hand_back(run)

    def _pending_result(self, run: Run, prepared: PreparedResult) -> PendingResult:
        lease = run.task.response_timeout_seconds
        upload = prepared.size / SLOWEST_UPLOAD
        return PendingResult(
            prepared.result,
            run.received,
            max(lease, RETRY_AT_LEAST),
            run.lease,
            # A dead connection must not hold up the result and the extensions of its lease until the lease ends.
            max(SHORTEST_ANSWER, lease / 3) + upload if lease else math.inf,
            max(SHORTEST_ANSWER, lease * 2 / 3) + upload if run.lease else math.inf,
            self._capacity.may_continue(),
            run.task.poll_count or 0,
            run.task.retry_count,
            is_from_function=True,
        )

    def _record(self, run: Run, prepared: PreparedResult) -> None:
        name = self._worker.task_name
        _recording.execution_finished(name, prepared.seconds, prepared.error)
        _recording.result_size.observe(prepared.size, name)
        if LARGE_OUTPUT < prepared.size <= self.payloads.upload_over:
            logger.warning("%s: an output of %d bytes of JSON", name, prepared.size, extra=self._about(run))
        lease = run.task.response_timeout_seconds
        if 0 < lease < self._resources.clock.now() - run.leased_at:
            _recording.late.count(name)
            logger.warning("%s: finished after its lease of %d s had ended", name, lease, extra=self._about(run))

    def _about(self, run: Run) -> dict[str, object]:
        return about(self._worker.task_name, run.task, run.task.retry_count)
