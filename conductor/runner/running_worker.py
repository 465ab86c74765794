"""One worker at work: its poll thread, its slots, and each task's way through execute and update."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from conductor import _recording
from conductor._threads import LoopThread, ThreadsOnDemand
from conductor.models import Task
from conductor.runner.execute import execute, execute_async
from conductor.runner.poll import Poller
from conductor.runner.slots import Slots
from conductor.runner.update import KEEP_AT_LEAST, Updater
from conductor.task_client import Delivery, TaskClient
from conductor.task_result import Outcome, hand_back, to_task_result
from conductor.worker import Worker

logger = logging.getLogger(__name__)


class RunningWorker:
    """Polls from construction on, until ``shutdown``. ``on_end`` is called when its last task is done with.

    A task is followed by the next one that its update brought, in the same slot, for as long as the slot may continue.
    ``def`` functions run on a thread a task, made on demand. ``async def`` functions run on the one loop; their updates
    run on threads, so that a loop that a function blocks stops no other task's result.
    """

    def __init__(
        self, worker: Worker, client: TaskClient, worker_id: str, loop_thread: LoopThread, on_end: Callable[[], None]
    ) -> None:
        self.worker = worker
        self._client = client
        self._worker_id = worker_id
        self._loop_thread = loop_thread
        self._on_end = on_end
        self.drain_until = math.inf
        self._threads = ThreadsOnDemand(f"conductor-work-{worker.task_name}")
        self._updater = Updater(client, worker.task_name)
        self.slots = Slots(worker.batch_size, self._count_wait, self._end)
        poller = Poller(worker, self.slots, self._batch_poll, self._deliver)
        threading.Thread(target=poller.run, name=f"conductor-poll-{worker.task_name}", daemon=True).start()

    @property
    def is_stopping(self) -> bool:
        return self.slots.closed.is_set()

    @property
    def left_work_behind(self) -> bool:
        """Whether a result was given up that the server might still have taken."""
        return self._updater.gave_up.is_set()

    def shutdown(self, drain_until: float) -> None:
        """Poll no more; returns at once. Repeating it changes nothing. drain_until: on the monotonic clock."""
        if not self.is_stopping:
            self.drain_until = drain_until
            self.slots.close()

    def abandon(self) -> None:
        """Stop retrying updates, and name what is left to its lease."""
        self._updater.abandon()
        for task_id in self.slots.running():
            logger.error("%s: left behind at the end of the drain (task_id=%r)", self.worker.task_name, task_id)

    def _batch_poll(self, count: int, timeout: float) -> Delivery:
        return self._client.batch_poll(self.worker.task_name, self._worker_id, self.worker.domain, count, timeout)

    def _count_wait(self, why: str) -> None:
        (_recording.paused if why == "paused" else _recording.execution_queue_full)(self.worker.task_name)

    def _end(self) -> None:
        self._threads.close()
        self._on_end()

    def _deliver(self, delivery: Delivery, asked: int) -> int:
        """Start the polled tasks; returns how many slots they took. What cannot be started is handed back."""
        received = time.monotonic()
        started = 0
        for task in delivery.tasks:
            if self.slots.closed or started == asked:
                self._hand_back(task, received)
            elif self._admit(task):
                started += self._start(task, received)
        self._send_unreadable(delivery, received)
        return started

    def _admit(self, task: Task) -> bool:
        """Register a delivered task. False: it is running here already (delivery is at least once)."""
        if not self.slots.occupy(task.task_id):
            logger.warning("ignored a task that is running already (task_id=%r)", task.task_id)
            return False
        if task.external_input_payload_storage_path:
            _recording.external_payload_used(self.worker.task_name, "READ", "TASK_INPUT")
        return True

    def _start(self, task: Task, received: float) -> bool:
        try:
            if self.worker.is_async:
                asyncio.run_coroutine_threadsafe(self._work_async(task, received), self._loop_thread.loop)
            else:
                self._threads.run(lambda: self._work(task, received))
        except RuntimeError as error:  # the system has no thread left
            logger.error(  # noqa: TRY400 - where this happened says nothing
                "handed back a task that could not be started: %s (task_id=%r)", error, task.task_id
            )
            self.slots.vacate(task.task_id)
            self._hand_back(task, received)
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

    async def _work_async(self, task: Task | None, received: float) -> None:
        try:
            while task is not None:
                _recording.execution_started(self.worker.task_name)
                outcome = await execute_async(self.worker.execute, task, self.slots.closed)
                task, received = await self._finish_on_thread(task, outcome, received), time.monotonic()
        finally:
            self.slots.give_back()

    async def _finish_on_thread(self, task: Task, outcome: Outcome, received: float) -> Task | None:
        done: Future[Task | None] = Future()

        def finish() -> None:
            done.set_result(self._finish(task, outcome, received))

        self._threads.run(finish)
        return await asyncio.wrap_future(done)

    def _finish(self, task: Task, outcome: Outcome, received: float) -> Task | None:
        """Send the result of an execution. Returns the next task for this slot, if the answer brought one."""
        try:
            _recording.execution_finished(self.worker.task_name, outcome.seconds, outcome.error)
            if outcome.error is not None:
                _log_failure(task, outcome.error)
            result, size = to_task_result(task, outcome, self._worker_id)
            _recording.result_size(self.worker.task_name, size)
            keep_until = received + max(task.response_timeout_seconds or 0, KEEP_AT_LEAST)
            delivery = self._updater.send(result, keep_until, self.slots.may_continue)
            return self._next_task(delivery)
        except Exception as error:
            _recording.uncaught_exception(error)
            logger.exception("a bug kept a result from being sent (task_id=%r)", task.task_id)
            return None
        finally:
            self.slots.vacate(task.task_id)

    def _next_task(self, delivery: Delivery) -> Task | None:
        received = time.monotonic()
        self._send_unreadable(delivery, received)
        for task in delivery.tasks:
            if not self.slots.may_continue():
                self._hand_back(task, received)
            elif self._admit(task):
                return task
        return None

    def _hand_back(self, task: Task, received: float) -> None:
        self._updater.send(hand_back(task, self._worker_id), received + (task.response_timeout_seconds or 0))

    def _send_unreadable(self, delivery: Delivery, received: float) -> None:
        for result in delivery.unreadable:
            result.worker_id = self._worker_id
            self._updater.send(result, received + KEEP_AT_LEAST)


def _log_failure(task: Task, error: BaseException) -> None:
    logger.warning(
        "%s failed (task_id=%r workflow_instance_id=%r)",
        task.task_def_name,
        task.task_id,
        task.workflow_instance_id,
        exc_info=error,
    )
