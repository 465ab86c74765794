"""The slots of an ``async def`` function are coroutines on the runner's loop. A few threads send their requests.

::

    on the loop            _call: the function begins and ends
    on a payload thread    _fetch: before the function begins, if the task's payloads lie elsewhere
                           _send: if the output is uploaded
    on a sender thread     _report: the result is prepared and sent; the answer may bring the next task → start
    on a sender thread     _take_over, when the time limit has passed; then as above

A function that blocks the loop therefore stops no request. Each task runs in a new coroutine, also the next task of a
slot. So a cancellation that comes just after its function has ended reaches no other task.
"""

from __future__ import annotations

import asyncio
from functools import partial

from conductor.calling.execute import execute_async
from conductor.context import TaskContext, WorkerContext
from conductor.delivery.result_sender import ResultSender
from conductor.errors import ConfigurationError
from conductor.payloads import is_elsewhere
from conductor.runner.capacity import Capacity
from conductor.runner.intake import Intake
from conductor.runner.resources import Resources
from conductor.runner.run import Phase, Run
from conductor.runner.steps import TaskSteps
from conductor.task_client import Delivery
from conductor.task_result import CallOutcome, PreparedResult
from conductor.worker import Worker


class CoroutineSlots:
    """The slots of one worker. Thread-safe."""

    def __init__(
        self,
        worker: Worker,
        resources: Resources,
        shared: WorkerContext,
        *,
        capacity: Capacity,
        intake: Intake,
        steps: TaskSteps,
        sender: ResultSender,
    ) -> None:
        self._function = resources.interceptors.around_async(worker.bound)
        self._event_loop = resources.event_loop
        if self._event_loop.is_closed:
            raise ConfigurationError(
                f"{worker.task_name}: an `async def` function cannot run, as its event loop is closed"
            )
        self._sender_threads = resources.sender_threads
        self._payload_threads = resources.payload_threads
        self._shared = shared
        self._capacity = capacity
        self._intake = intake
        self._steps = steps
        self._sender = sender

    @property
    def died_at(self) -> None:
        """Always None, because the slots have no threads."""

    def start(self, run: Run) -> None:
        """Start a slot with its first task. RuntimeError or OSError: the system has no thread or file for the loop."""
        if is_elsewhere(run.task):
            self._payload_threads.start(partial(self._fetch, run))
        else:
            self._start(run)

    def abandon(self) -> None:
        """Does nothing: coroutines hold up no process, and the result of one that still ends is sent."""

    def close(self) -> None:
        """Does nothing, because the runner closes the loop."""

    def _start(self, run: Run) -> None:
        self._steps.start_time_limit(run, self._wait_was_too_long)  # counts from here, because the loop may be blocked
        self._event_loop.start(self._call(run), partial(self._call_ended, run))

    def _fetch(self, run: Run) -> None:
        """Start a run whose payloads lie elsewhere, on a payload thread."""
        try:
            problem = self._steps.payloads.fetch(run)
            if problem is None and run.phase is Phase.WAITING:
                self._start(run)
            elif not self._steps.begin(run, self._time_limit_is_over):  # it was handed back at the end of the drain
                self._capacity.give_back()
            elif self._steps.end(run):
                self._report(run, CallOutcome(error=problem))
        except Exception as error:  # noqa: BLE001 - it is logged; as in ``_continue``
            self._steps.not_started(run, error)
            self._capacity.give_back()

    async def _call(self, run: Run) -> None:
        run.coroutine = asyncio.current_task()
        if not self._steps.begin(run, self._time_limit_is_over):
            return
        run.context = TaskContext(run.task, run.lost, self._shared, run.received)
        outcome = await execute_async(self._function, run.context)
        if self._steps.end(run):
            self._sender_threads.run(partial(self._report, run, outcome))

    def _call_ended(self, run: Run) -> None:
        """Called after ``_call``, or when the loop is closed. Give the slot back if the function has not ended."""
        if run.phase in (Phase.WAITING, Phase.WITHDRAWN):
            self._intake.hand_back(run)
            self._capacity.give_back()
        elif run.phase is Phase.EXECUTING and self._steps.not_ended(run):
            self._capacity.give_back()

    def _report(self, run: Run, ended: CallOutcome | PreparedResult) -> None:
        try:
            prepared = self._steps.prepare(run, ended)
            if self._steps.must_upload(prepared):
                self._payload_threads.run(partial(self._send, run, prepared))
                return
        except Exception as bug:  # noqa: BLE001 - it is logged
            self._not_reported(run, bug)
        else:
            self._send(run, prepared)

    def _send(self, run: Run, prepared: PreparedResult) -> None:
        try:
            pending = self._steps.to_send(run, prepared)
        except Exception as bug:  # noqa: BLE001 - it is logged
            self._not_reported(run, bug)
        else:
            self._sender_threads.send(self._sender, pending, partial(self._continue, run))

    def _not_reported(self, run: Run, bug: Exception) -> None:
        self._steps.not_reported(run, bug)
        self._capacity.give_back()

    def _continue(self, run: Run, answer: Delivery) -> None:
        """Start the next task in this slot, if the answer brought one. Otherwise give the slot back."""
        following = None
        try:
            following = self._steps.finish(run, answer)
            if following is not None:
                self.start(following)
                return
        except Exception as error:  # noqa: BLE001 - it is logged; the system may have no thread or file left
            if following is None:
                self._steps.not_reported(run, error)
            else:
                self._steps.not_started(following, error)
        self._capacity.give_back()

    def _wait_was_too_long(self, run: Run) -> None:
        """Called on the schedule's thread. Hand the task back, unless its function has begun just now."""
        self._sender_threads.start(partial(self._intake.hand_back, run))

    def _time_limit_is_over(self, run: Run) -> None:
        """Called on the schedule's thread, which must not block."""
        self._sender_threads.start(partial(self._take_over, run))

    def _take_over(self, run: Run) -> None:
        """Fail the task and go on with its slot, unless its function has ended just now."""
        if not self._steps.end(run):
            return
        failure = self._steps.timed_out(run, "cancelled")
        if run.coroutine is not None:
            self._event_loop.cancel(run.coroutine)
        self._report(run, failure)
