"""One worker at work: its poll thread, its slots, and each task's way through execute and update."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from conductor import _recording, _stopping
from conductor._log import about, logger_of
from conductor._threads import ThreadsOnDemand
from conductor.calling.execute import execute, execute_async
from conductor.delivery.lease import Lease
from conductor.delivery.update import KEEP_AT_LEAST, Parcel
from conductor.models import Task
from conductor.runner import task_log
from conductor.runner.job import Job
from conductor.runner.poll import Poller
from conductor.runner.shared import Shared
from conductor.runner.slots import Slots
from conductor.task_client import Delivery
from conductor.task_result import Finished, Outcome, TaskResult, failed, finish, hand_back
from conductor.worker import Worker

if TYPE_CHECKING:
    from conductor.calling.pool import Pool

logger = logger_of(__name__)

LEAST_PATIENCE = 1.0
"""Seconds that the server gets for its answer to a result, however short the lease is."""
SLOWEST_UPLOAD = 1e6
"""Bytes a second: what a large result gets on top."""
LARGE_OUTPUT = 1 << 20
"""Bytes of JSON from which on an output is worth a warning: gateways refuse it (nginx by default, with 413)."""


class RunningWorker:
    """Polls from construction on, until ``shutdown``. ``shared.on_end`` is called when its last task is done with.

    A task is followed by the next one that its update brought, in the same slot, for as long as the slot may continue.
    ``def`` functions run on a thread a task, made on demand, or in the user's executor. ``async def`` functions run on
    the one loop, and nothing else does: their updates run on threads, whatever blocks the loop.

    A task that does not run is put back into its queue by _hand_back. _withdraw also forgets its job, _take_back also
    gives back its slot, if it has not begun.
    """

    def __init__(self, worker: Worker, shared: Shared, pool: Pool | None) -> None:
        self.worker, self.task_name = worker, worker.task_name
        self._shared = shared
        self._clock = shared.clock
        self._process_id = os.getpid()
        self.drain_until = math.inf
        self._abandoned = threading.Event()
        self._jobs: dict[str, Job] = {}  # by task id; its operations are atomic
        self._pool = pool
        self._killed = 0  # at the end of the drain, with their processes
        self._threads = ThreadsOnDemand(f"conductor-work-{worker.task_name}")
        waits = {"paused": _recording.paused, "queue_full": _recording.queue_full}
        self.slots = Slots(worker.batch_size, lambda why: waits[why].count(worker.task_name), self._end)
        _recording.executing.add(self)
        self._updater = shared.updater(worker.task_name, self.slots.closed, self._abandoned)
        self._polls_no_more = threading.Event()
        threading.Thread(target=self._poll, name=f"conductor-poll-{worker.task_name}", daemon=True).start()

    @property
    def executing(self) -> int:  # tasks whose function runs now
        return sum(job.has_begun and not job.is_claimed for job in self._jobs.copy().values())

    @property
    def is_stopping(self) -> bool:
        return self.slots.closed.is_set()

    @property
    def in_hand(self) -> int:
        """Tasks that run, or whose result is on its way, and those that were killed."""
        return len(self._jobs) + self._killed

    def shutdown(self, drain_until: float) -> None:
        """Poll no more; returns at once. Repeating it changes nothing. drain_until: on the runner's clock."""
        if not self.is_stopping:
            self.drain_until = drain_until
            self.slots.close()
            _stopping.begin(self, (self._shared.worker_id, *self.worker.key))
            if self._polls_no_more.is_set():  # and the poll thread may have told its end before
                _stopping.end(self)

    def _poll(self) -> None:
        poll = partial(self._shared.poll, self.worker)
        Poller(self.worker, self.slots, poll, self._deliver, self._report, self._clock).run()
        self._polls_no_more.set()
        _stopping.end(self)

    def set_poll_interval(self, poll_interval: float | None) -> None:
        """Seconds, or None: the runner chooses. It also counts for the wait that is running."""
        self.worker.poll_interval = poll_interval
        self.slots.news.set()

    def abandon(self) -> bool:
        """The drain is over: hand back what has not begun, name what is left to its lease, retry no update.

        Returns whether it was not so before; repeating it changes nothing.
        """
        if self._abandoned.is_set():
            return False
        self.drain_until = -math.inf
        self._abandoned.set()
        _stopping.end(self)
        said = "%s: left behind at the end of the drain"
        for job in self._jobs.copy().values():
            if not self._take_back(job) and not job.cancel() and not job.is_claimed:
                logger.error(said, self.worker.task_name, extra=self._about(job.task))
        for task_id in self._pool.close() if self._pool is not None else ():
            killed = self._jobs.get(task_id)
            if killed is not None and killed.claim():
                self._shared.left_behind.set()
                self._killed += 1
                del self._jobs[task_id]  # here, or it would count twice
                self._errand(partial(self._close, killed))
                self.slots.give_back()
        return True

    def settle(self, seconds: float) -> threading.Event:
        """After ``abandon``: wait so long for answers, then name what has none as lost, on a thread of its own, since
        on_result_lost may take its time: the event says when.
        """
        if not self.slots.wait_for_errands(seconds):
            logger.error("%s: requests have no answer: what a poll got comes back by its lease", self.worker.task_name)
        told = threading.Event()
        self._errand(lambda: self._name_what_is_lost(told))
        return told

    def _name_what_is_lost(self, told: threading.Event) -> None:
        said = "%s: its result is not ready at the end of the drain, and lost"
        named = self._updater.give_up()
        for job in [job for task_id, job in self._jobs.copy().items() if job.is_claimed and task_id not in named]:
            logger.error(said, self.worker.task_name, extra=self._about(job.task))
        told.set()

    def _end(self) -> None:
        self._threads.close()
        if self._pool is not None:
            self._pool.close()
        self._shared.on_end()

    def _deliver(self, task: Task, has_slot: bool) -> bool:
        """Start a polled task, or hand it back. Returns whether it took a slot."""
        return (job := self._admit(task, not (has_slot and self.slots.may_begin()))) is not None and self._start(job)

    def _admit(self, task: Task, refuse: bool) -> Job | None:
        """Register a delivered task; None: it is not for this worker to run, or not now."""
        if task.task_id in self._jobs:  # handed back, the copy would take the task elsewhere
            self._ignore(task)
            return None
        names = {task.task_type, task.task_def_name} - {None, ""}
        if names and self.worker.task_name not in names:
            said = "%s: handed back a task of type %s"
            logger.error(said, self.worker.task_name, ", ".join(sorted(names)), extra=self._about(task))
            refuse = True
        if refuse:
            self._hand_back(task)
            return None
        job = Job(task, self._clock.now(), self.worker.lease_extension or self.worker.timeout is not None)
        if self.worker.lease_extension and task.response_timeout_seconds > 0:
            named, extend = (self.worker.task_name, task), self._shared.extend_lease
            job.lease = Lease(*named, job.received, job.lost, extend, self._shared.timers, self._clock)
        if self._jobs.setdefault(task.task_id, job) is not job:  # the other copy came on another thread just now
            job.end_lease()
            self._ignore(task)
            return None
        if self._abandoned.is_set() and job.claim():  # since the look above, and ``abandon`` did not find it
            self._withdraw(job)
            return None
        if task.external_input_payload_storage_path:
            _recording.payloads.count(self.worker.task_name, "READ", "TASK_INPUT")
        return job

    def _ignore(self, task: Task) -> None:
        """A copy of a task that is running here: delivery is at least once."""
        _recording.duplicates.count(self.worker.task_name)
        logger.warning("ignored a task that is running already", extra=self._about(task))

    def _withdraw(self, job: Job) -> None:
        """Hand back a task that did not begin; its slot is the caller's to give back."""
        self._close(job)
        self._hand_back(job.task)

    def _close(self, job: Job) -> None:
        if self._jobs.get(job.task.task_id) is job:  # and not its next delivery
            del self._jobs[job.task.task_id]
        job.end_lease()

    def _start(self, job: Job) -> bool:
        try:
            if self.worker.is_async:
                self._limit_time(job)
                future = self._shared.loop_thread.run(self._work_async(job))
                job.interrupt = future.cancel
                future.add_done_callback(lambda _: self._take_back(job))  # if it was cancelled before it began
            elif self._pool is not None:
                self._start_in(self._pool, job)
            else:
                self._threads.run(lambda: self._work(job))
        except Exception as error:  # noqa: BLE001 - the system has no thread left, or the executor is broken
            logger.error(  # noqa: TRY400 - where this happened says nothing
                "handed back a task that could not be started: %s", error, extra=self._about(job.task)
            )
            if not job.claim():
                return True  # it was taken back meanwhile, and its slot with it
            self._shared.timers.cancel(job.time_limit)
            self._withdraw(job)
            return False
        if job.is_claimed:  # its time limit came first
            job.interrupt()
        return True

    def _take_back(self, job: Job) -> bool:
        """Hand back what has not begun, and its slot; returns whether that was so."""
        if taken := job.take_back():
            self._shared.timers.cancel(job.time_limit)
            self._release(job)
        return taken

    def _release(self, job: Job) -> None:
        self._errand(partial(self._withdraw, job))
        self.slots.give_back()

    def _start_in(self, pool: Pool, job: Job) -> None:
        def done(finished: Finished | None) -> None:  # on a thread that is the executor's; None: it did not begin
            if self._claim(job):
                if finished is None:
                    self._release(job)
                else:
                    self._errand(lambda: self._go_on(self._finish(job, finished)))

        future = pool.run(job.task, self.slots.closed, job.lost, partial(self._begin, job), done)
        job.interrupt, job.cancel = partial(pool.give_up, future), future.cancel

    def _begin(self, job: Job) -> bool:
        """Whether the function may run; it does then."""
        begins = job.begin()
        if begins:
            job.is_logged = task_log.begun(self.worker.task_name, job.task)
            self._limit_time(job)
            _recording.execution_started(self.worker.task_name)
        return begins

    def _work(self, first: Job) -> None:
        job: Job | None = first
        while job is not None and self._begin(job):
            outcome = execute(self.worker.execute, job.task, self.slots.closed, job.lost)
            if not self._claim(job):
                return  # its time limit has told its end, and the slot is no longer this thread's
            self.slots.begin_errand()
            job = self._finish(job, outcome)
            del outcome  # which may be large, and the next task long
            self.slots.end_errand()
        if job is None:
            self.slots.give_back()

    async def _work_async(self, job: Job) -> None:
        """After the function there is no ``await``, at which a cancellation that it left behind could strike."""
        if not self._begin(job):
            return
        outcome = await execute_async(self.worker.execute, job.task, self.slots.closed, job.lost)
        if self._claim(job):
            self._errand(lambda: self._go_on(self._finish(job, outcome)))

    def _limit_time(self, job: Job) -> None:
        if self.worker.timeout is not None and job.time_limit is None:  # that of a coroutine runs from its delivery on
            limit = self._clock.now() + self.worker.timeout
            job.time_limit = self._shared.timers.at(limit, lambda: self._time_out(job))

    def _time_out(self, job: Job) -> None:
        """Fail the task and use its slot for others. A function's thread cannot be ended: it is lost.

        One that waits in its executor is cancelled, and so handed back.
        """
        if job.cancel() or self._take_back(job) or not job.claim():
            return
        job.lost.set()
        job.interrupt()
        limit = self.worker.timeout or 0.0
        fate = "cancelled" if self.worker.is_async else self._pool.loss if self._pool is not None else ""
        if not fate:
            fate = "its thread is lost"
            _recording.threads_lost.count(self.worker.task_name)
        task_log.timed_out(self.worker.task_name, job.task, limit, fate)
        reason = f"TimeoutError: not finished after {limit:g} s, the worker's time limit"
        result = failed(job.task.task_id, job.task.workflow_instance_id, reason)
        result.worker_id = self._shared.worker_id
        self._errand(lambda: self._go_on(self._finish(job, Finished(result, 2, limit, TimeoutError.__name__))))

    def _claim(self, job: Job) -> bool:
        """Whether the end is the caller's to tell."""
        if os.getpid() != self._process_id:  # a function has forked, and the child has come back: its only thread ends
            raise SystemExit
        if not job.claim():
            return False
        self._shared.timers.cancel(job.time_limit)
        return True

    def _go_on(self, following: Job | None) -> None:
        """Use the slot for the next task that an update brought, or give it back."""
        if following is None or not self._start(following):
            self.slots.give_back()

    def _finish(self, job: Job, ended: Outcome | Finished) -> Job | None:
        """Send the result of an execution. Returns the next task for this slot, if the answer brought one.

        Called as an errand: the worker does not end before.
        """
        try:
            finished = finish(job.task, ended, self._shared.worker_id) if isinstance(ended, Outcome) else ended
            self._record(job, finished)
            error = ended.error if isinstance(ended, Outcome) else None
            task_log.ended(self.worker.task_name, job.task, finished, error, job.is_logged)
            return self._next_job(self._send(job, finished))
        except Exception as error:
            _recording.uncaught.count_error(error)
            self._shared.left_behind.set()
            logger.exception("a bug kept a result from being sent", extra=self._about(job.task))
            self._close(job)
            return None

    def _send(self, job: Job, finished: Finished) -> Delivery:
        lease = job.task.response_timeout_seconds
        upload = finished.size / SLOWEST_UPLOAD
        parcel = Parcel(
            finished.result,
            keep_until=lambda: job.leased_at + max(lease, KEEP_AT_LEAST),
            # A connection that is dead must not hold up the result, and the extensions of its lease, until that ends.
            patience=max(LEAST_PATIENCE, lease / 3) + upload if lease else math.inf,
            most_patience=max(LEAST_PATIENCE, lease * 2 / 3) + upload if job.lease else math.inf,
            poll_count=job.task.poll_count or 0,
            retry_count=job.task.retry_count,
            may_poll=self.slots.may_continue,
            attempt=job.sending,
        )
        if not parcel.is_terminal:  # it may be delivered again before this answer is here
            self._close(job)
            return self._updater.send(parcel)
        delivery = self._updater.send(parcel)
        self._close(job)
        return delivery

    def _record(self, job: Job, finished: Finished) -> None:
        name = self.worker.task_name
        if job.has_begun:
            _recording.execution_finished(name, finished.seconds, finished.error)
        _recording.result_size.observe(finished.size, name)
        if finished.size > LARGE_OUTPUT:
            logger.warning("%s: an output of %d bytes of JSON", name, finished.size, extra=self._about(job.task))
        lease = job.task.response_timeout_seconds
        if 0 < lease < self._clock.now() - job.leased_at:
            _recording.late.count(name)
            logger.warning("%s: finished after its lease of %d s had ended", name, lease, extra=self._about(job.task))

    def _next_job(self, delivery: Delivery) -> Job | None:
        for result in delivery.unreadable:
            self._report(result)
        return self._admit(delivery.tasks[0], not self.slots.may_continue()) if delivery.tasks else None

    def _report(self, result: TaskResult) -> None:
        """Send the FAILED result of a task that could not be read."""
        task_log.unreadable(self.worker.task_name, result)
        self._send_aside(result)

    def _hand_back(self, task: Task) -> None:
        _recording.handed_back.count(self.worker.task_name)
        self._send_aside(hand_back(task), task.response_timeout_seconds, task.poll_count or 0, task.retry_count)

    def _send_aside(self, result: TaskResult, keep: float = 0, polls: int = 0, retries: int | None = None) -> None:
        """Send what no execution waits for, on a thread of its own: the poll loop goes on, only an end waits for it."""
        result.worker_id = self._shared.worker_id
        until = self._clock.now() + (keep if keep > 0 else KEEP_AT_LEAST)
        parcel = Parcel(result, lambda: until, poll_count=polls, retry_count=retries, produced=False)
        self._errand(lambda: self._updater.send(parcel))

    def _errand(self, job: Callable[[], object]) -> None:
        """Do it on a thread of its own; the worker does not end before."""
        self.slots.begin_errand()

        def run() -> None:
            try:
                job()
            finally:
                self.slots.end_errand()

        try:
            self._threads.run(run)
        except RuntimeError:  # the system has no thread left: this one is held up, but nothing is lost
            run()

    def _about(self, task: Task) -> dict[str, object]:
        return about(self.worker.task_name, task, task.retry_count)
