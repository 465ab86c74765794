"""One worker at work: its poll thread, its slots, and each task's way through execute and update."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable

from conductor import _recording
from conductor._threads import LoopThread, ThreadsOnDemand
from conductor.models import Task, TaskResultStatus
from conductor.runner.execute import execute, execute_async
from conductor.runner.poll import Poller
from conductor.runner.slots import Slots
from conductor.runner.update import KEEP_AT_LEAST, Updater
from conductor.task_client import Delivery, TaskClient
from conductor.task_result import Outcome, TaskResult, hand_back, to_task_result
from conductor.worker import Worker

logger = logging.getLogger(__name__)


class RunningWorker:
    """Polls from construction on, until ``shutdown``. ``on_end`` is called when its last task is done with.

    A task is followed by the next one that its update brought, in the same slot, for as long as the slot may continue.
    ``def`` functions run on a thread a task, made on demand. ``async def`` functions run on the one loop, and nothing
    else does: their updates run on threads, so that a loop that a function blocks stops no other task's result.

    left_behind: set when a result is lost.
    """

    def __init__(  # noqa: PLR0917 - made in one place
        self,
        worker: Worker,
        client: TaskClient,
        worker_id: str,
        loop_thread: LoopThread,
        left_behind: threading.Event,
        on_end: Callable[[], None],
    ) -> None:
        self.worker = worker
        self._client = client
        self._worker_id = worker_id
        self._loop_thread = loop_thread
        self._left_behind = left_behind
        self._on_end = on_end
        self.drain_until = math.inf
        self._threads = ThreadsOnDemand(f"conductor-work-{worker.task_name}")
        self._updater = Updater(client, worker.task_name, left_behind)
        self.slots = Slots(worker.batch_size, self._count_wait, self._end)
        poller = Poller(worker, self.slots, self._batch_poll, self._deliver, self._send_aside)
        threading.Thread(target=poller.run, name=f"conductor-poll-{worker.task_name}", daemon=True).start()

    @property
    def is_stopping(self) -> bool:
        return self.slots.closed.is_set()

    def shutdown(self, drain_until: float) -> None:
        """Poll no more; returns at once. Repeating it changes nothing. drain_until: on the monotonic clock."""
        if not self.is_stopping:
            self.drain_until = drain_until
            self.slots.close()

    def abandon(self) -> None:
        """The drain is over: retry no update, name what is left to its lease. Repeating it changes nothing."""
        if self.drain_until == -math.inf:
            return
        self.drain_until = -math.inf
        self._updater.abandon()
        for task_id in self.slots.running():
            logger.error("%s: left behind at the end of the drain (task_id=%r)", self.worker.task_name, task_id)

    def _batch_poll(self, count: int, timeout: float) -> Delivery:
        return self._client.batch_poll(self.worker.task_name, self._worker_id, self.worker.domain, count, timeout)

    def _count_wait(self, why: str) -> None:
        _recording.count(why, self.worker.task_name)

    def _end(self) -> None:
        self._threads.close()
        self._on_end()

    def _deliver(self, task: Task, has_slot: bool) -> bool:
        """Start a polled task, or hand it back. Returns whether it took a slot."""
        if self.slots.closed or not has_slot:
            self._hand_back(task)
            return False
        return self._admit(task) and self._start(task)

    def _admit(self, task: Task) -> bool:
        """Register a delivered task. False: it is running here already (delivery is at least once)."""
        if not self.slots.occupy(task.task_id):
            logger.warning("ignored a task that is running already (task_id=%r)", task.task_id)
            return False
        if task.external_input_payload_storage_path:
            _recording.count("payloads", self.worker.task_name, "READ", "TASK_INPUT")
        return True

    def _start(self, task: Task) -> bool:
        received = time.monotonic()
        try:
            if self.worker.is_async:
                self._loop_thread.run(self._work_async(task, received))
            else:
                self._threads.run(lambda: self._work(task, received))
        except RuntimeError as error:  # the system has no thread left
            logger.error(  # noqa: TRY400 - where this happened says nothing
                "handed back a task that could not be started: %s (task_id=%r)", error, task.task_id
            )
            self.slots.vacate(task.task_id)
            self._hand_back(task)
            return False
        return True

    def _work(self, task: Task | None, received: float) -> None:
        try:
            while task is not None:
                _recording.execution_started(self.worker.task_name)
                outcome = execute(self.worker.execute, task, self.slots.closed)
                task, received = self._finish(task, outcome, received), time.monotonic()
        finally:
            self.slots.give_back()

    async def _work_async(self, task: Task, received: float) -> None:
        """After the function there is no ``await``, at which a cancellation that it left behind could strike."""
        _recording.execution_started(self.worker.task_name)
        outcome = await execute_async(self.worker.execute, task, self.slots.closed)
        self._on_thread(lambda: self._finish_async(task, outcome, received))

    def _finish_async(self, task: Task, outcome: Outcome, received: float) -> None:
        following = self._finish(task, outcome, received)
        if following is None or not self._start(following):
            self.slots.give_back()

    def _finish(self, task: Task, outcome: Outcome, received: float) -> Task | None:
        """Send the result of an execution. Returns the next task for this slot, if the answer brought one."""
        try:
            _recording.execution_finished(self.worker.task_name, outcome.seconds, outcome.error)
            if outcome.error is not None:
                _log_failure(task, outcome.error)
            result, size = to_task_result(task, outcome, self._worker_id)
            _recording.observe("result_size", size, self.worker.task_name)
            keep_until = received + max(task.response_timeout_seconds, KEEP_AT_LEAST)
            if result.status == TaskResultStatus.IN_PROGRESS:  # it may be delivered again before this answer is here
                self.slots.vacate(task.task_id)
                delivery = self._updater.send(result, keep_until, self.slots.may_continue)
            else:
                delivery = self._updater.send(result, keep_until, self.slots.may_continue)
                self.slots.vacate(task.task_id)
            return self._next_task(delivery)
        except Exception as error:
            _recording.count("uncaught", type(error).__name__)
            self._left_behind.set()
            self.slots.vacate(task.task_id)
            logger.exception("a bug kept a result from being sent (task_id=%r)", task.task_id)
            return None

    def _next_task(self, delivery: Delivery) -> Task | None:
        for result in delivery.unreadable:
            self._send_aside(result)
        for task in delivery.tasks:
            if not self.slots.may_continue():
                self._hand_back(task)
            elif self._admit(task):
                return task
        return None

    def _hand_back(self, task: Task) -> None:
        self._send_aside(hand_back(task), task.response_timeout_seconds or KEEP_AT_LEAST)

    def _send_aside(self, result: TaskResult, keep: float = KEEP_AT_LEAST) -> None:
        """Send what no execution waits for, on a thread of its own: the poll loop goes on, only an end waits for it."""
        result.worker_id = self._worker_id
        self.slots.begin_errand()

        def send() -> None:
            try:
                self._updater.send(result, time.monotonic() + keep)
            finally:
                self.slots.end_errand()

        self._on_thread(send)

    def _on_thread(self, job: Callable[[], None]) -> None:
        try:
            self._threads.run(job)
        except RuntimeError:  # the system has no thread left: this one is held up, but nothing is lost
            job()


def _log_failure(task: Task, error: BaseException) -> None:
    logger.warning(
        "%s failed (task_id=%r workflow_instance_id=%r)",
        task.task_def_name,
        task.task_id,
        task.workflow_instance_id,
        exc_info=error,
    )
