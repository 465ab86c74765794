"""A running worker: its parts, and its stop."""

from __future__ import annotations

import math
import threading
from datetime import datetime
from typing import Protocol

from conductor import _recording, _stopping
from conductor._flag import Flag
from conductor._log import logger_of
from conductor.calling.callers import Caller
from conductor.context import WorkerContext
from conductor.delivery.result_sender import ResultSender
from conductor.models import Task
from conductor.runner.capacity import Capacity
from conductor.runner.intake import Intake
from conductor.runner.poll import Poller
from conductor.runner.pulse import Pulse
from conductor.runner.resources import Resources
from conductor.runner.run import Run
from conductor.runner.steps import TaskSteps
from conductor.runner.thread_slots import ThreadSlots
from conductor.runner.unstarted_tasks import UnstartedTasks
from conductor.runner.vital_signs import Parts, VitalSigns
from conductor.task_result import TaskResult
from conductor.worker import Worker
from conductor.worker_settings import settings_of

logger = logger_of(__name__)


class Slots(Protocol):
    """ThreadSlots or CoroutineSlots. Each slot begins with a polled task and is given back at its end."""

    @property
    def died_at(self) -> datetime | None: ...
    def start(self, run: Run) -> None: ...
    def abandon(self) -> None: ...
    def close(self) -> None: ...


class RunningWorker:
    """Polls from construction until ``shutdown``. Calls ``resources.on_end`` after its last task.

    caller: see ``calling.callers``; None for an ``async def`` function. shared: ``shutdown`` sets its ``stopping``.
    """

    def __init__(self, worker: Worker, resources: Resources, caller: Caller | None, shared: WorkerContext) -> None:
        self.worker = worker
        self.drain_until = math.inf
        """The end of the drain on the runner's clock; infinite until ``shutdown``."""
        self.capacity = Capacity(worker.task_name, worker.batch_size, shared.stopping, self._end)
        if worker.paused:
            self.capacity.pause()
        self.settings = settings_of(worker)
        """The settings at the start. The methods of TaskRunner may change them."""
        self._resources = resources
        self._abandoned = Flag()
        self._sender = ResultSender(resources, worker.task_name, self.capacity.closed, self._abandoned)
        self._unstarted_tasks = UnstartedTasks(worker.task_name, resources, self.capacity, self._sender)
        self._intake = Intake(worker, resources, self.capacity, self._unstarted_tasks, self._abandoned)
        self._steps = TaskSteps(worker, resources, self.capacity, self._intake, self._abandoned)
        shared.listener = resources.log_sender
        self._slots = self._make_slots(caller, shared)
        self._polling_has_ended = threading.Event()
        self._pulse = Pulse()
        parts = Parts(worker, self.capacity, self._intake, self._sender, self._steps, self._slots, caller)
        poll_thread = threading.Thread(target=self._poll, name=f"conductor-poll-{worker.task_name}", daemon=True)
        poll_thread.start()  # first, because without it there is no worker whose health could be asked for
        resources.health.add(VitalSigns(parts, resources, self._pulse))
        _recording.executing.add(self._intake)

    def _make_slots(self, caller: Caller | None, shared: WorkerContext) -> Slots:
        if caller is not None:
            return ThreadSlots(
                self.worker.task_name,
                caller,
                capacity=self.capacity,
                intake=self._intake,
                steps=self._steps,
                sender=self._sender,
            )
        from conductor.runner.coroutine_slots import CoroutineSlots  # noqa: PLC0415 - not every worker needs asyncio

        return CoroutineSlots(
            self.worker,
            self._resources,
            shared,
            capacity=self.capacity,
            intake=self._intake,
            steps=self._steps,
            sender=self._sender,
        )

    @property
    def is_stopping(self) -> bool:
        return self.capacity.closed.is_set()

    @property
    def in_hand(self) -> int:
        """See Intake."""
        return self._intake.in_hand

    def set_poll_interval(self, poll_interval: float | None) -> None:
        """Seconds; None lets the runner choose. It also changes a wait that has begun."""
        self.worker.poll_interval = poll_interval
        self.capacity.wait_changed.set()

    def receive(self, task: Task, has_slot: bool) -> bool:
        """Start a polled task, or hand it back. Returns whether it has taken a slot."""
        run = self._intake.take_in(task, refuse=not (has_slot and self.capacity.may_begin()))
        if run is None:
            return False
        try:
            self._slots.start(run)
        except Exception as error:  # noqa: BLE001 - the system has no thread or no file descriptor left
            self._steps.not_started(run, error)
            return False
        return True

    def report_unreadable(self, result: TaskResult) -> None:
        """Send the FAILED result of a polled task that could not be read."""
        self._unstarted_tasks.fail(result)

    def shutdown(self, drain_until: float) -> None:
        """Poll no more. Returns at once. Repeating it changes nothing. drain_until: on the runner's clock.

        1. No slot is given out any more. The poll thread ends after its poll, and hands back its tasks.
        2. Running tasks continue. Their leases are extended, and their results go out by the plain update.
        3. Results that wait for another attempt are sent again at once, and then at least every five seconds.
        4. The worker ends when its last slot is given back.
        """
        if self.is_stopping:
            return
        self.drain_until = drain_until
        self.capacity.close()
        self._resources.sender_threads.end_pauses()
        _stopping.begin(self, (self._resources.worker_id, *self.worker.key))
        if self._polling_has_ended.is_set():  # and the poll thread may have called this before ``begin``
            _stopping.end(self)

    def abandon(self) -> bool:
        """The drain is over. Returns False if this was called before.

        1. No task begins any more. Tasks that have not begun are handed back.
        2. Running tasks are logged, and delivered again after their leases. Processes are killed.
        3. Results that wait for another attempt are given up.
        """
        if self._abandoned:
            return False
        self.shutdown(-math.inf)
        self.drain_until = -math.inf
        self._abandoned.set()
        _stopping.end(self)
        self._intake.abandon()
        self._slots.abandon()
        self._resources.sender_threads.end_pauses()
        return True

    def wait_for_last_answers(self, seconds: float) -> threading.Event:
        """After ``abandon``: wait up to ``seconds`` for requests under way, then report results without an answer.

        Another thread reports them, because on_result_lost may take long. It sets the event at its end.
        """
        if not self.capacity.wait_for_requests(seconds, lambda: self._intake.owes_answers):
            self._resources.work_was_left.set()
            logger.error(
                "%s: requests have no answer; tasks of a lost poll are delivered again when their leases end",
                self.worker.task_name,
            )
        losses_reported = threading.Event()

        def name_lost_results() -> None:
            self._intake.name_lost_results(self._sender)
            losses_reported.set()

        try:
            threading.Thread(target=name_lost_results, name="conductor-losses", daemon=True).start()
        except RuntimeError:  # the system has no thread left
            name_lost_results()
        return losses_reported

    def _poll(self) -> None:
        try:
            self.capacity.request_started()  # a stop awaits it as it awaits a poll
            try:
                self._resources.register_definition(self.worker, self.capacity.closed)
            finally:
                self.capacity.request_done()
            Poller(self.worker, self._resources, self.capacity, self, self._pulse).run()
        except BaseException:
            self._pulse.died_at = self._resources.clock.now()
            logger.exception("%s: its poll thread has ended, so it gets no tasks any more", self.worker.task_name)
        finally:  # also after an error, so that the drain does not wait for the thread
            self._polling_has_ended.set()
            _stopping.end(self)

    def _end(self) -> None:
        self._slots.close()
        self._resources.on_end()
