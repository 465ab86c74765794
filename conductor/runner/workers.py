"""The workers of one runner: start, find, stop and wait. The shared resources are opened and closed with them."""

from __future__ import annotations

import atexit
import math
import os
import queue
import threading
import time
from collections.abc import Sequence
from functools import partial

from conductor._log import logger_of
from conductor.calling.callers import make_caller
from conductor.delivery.outbox_sender import OutboxSender
from conductor.errors import ConductorError, ConfigurationError
from conductor.runner.leaks import Leaks
from conductor.runner.lifespan import Lifespan
from conductor.runner.resources import Resources, Setup
from conductor.runner.running_worker import RunningWorker
from conductor.runner.signals import STOP_WAITING, WAKE_UP, Waiters, next_event, pass_to_all_runners, signal_listeners
from conductor.worker import Worker, WorkerKey, clash_of, named, of_domain

logger = logger_of(__name__)

LAST_ANSWERS_WITHIN = 1.5
"""Seconds that ``_abandon`` waits for the answers to the last requests."""
LAST_LINES_WITHIN = 1.0
"""Seconds that ``wait`` waits at its end for requests with log lines."""
LOSSES_REPORTED_WITHIN = 0.3
"""Seconds that on_result_lost may take after that."""
LIFESPAN_LEFT_WITHIN = 1.0
"""Seconds that the lifespan may take to be left, also if the drain is nearly over."""


class Workers:
    """The workers of one runner, by task name and domain. Thread-safe."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self.work_was_left = threading.Event()
        """Set when a result is lost or stays in the outbox, or a lifespan is given up. The first worker clears it."""
        self._process_id = os.getpid()
        self.waiters = Waiters()
        # Guards everything below. A user's signal handler may call shutdown while its thread holds it.
        self._state = threading.RLock()
        self._resources: Resources | None = None  # while workers run
        self._starting = 0  # calls of ``start`` under way; the resources stay open
        self._outbox_sender: OutboxSender | None = None
        self._leaks: Leaks | None = None
        self._workers: dict[WorkerKey, RunningWorker] = {}  # the newest worker of each key; it may be stopping
        self._replaced: list[RunningWorker] = []  # stopping workers; each key has a newer worker
        # Signals, and cancellations of a drain, since the first worker started. It survives the end of ``wait``.
        self._stop_requests = 0

    def start(self, workers: Sequence[Worker]) -> None:
        """Start all, or none: see TaskRunner.start_workers. Without workers, only enter the lifespan, if any."""
        with self._locked():
            if self._leaks is None:  # an earlier stop left functions hanging: they may have ended since
                self._alive_or_close()
            self._check_keys(workers)
            self._starting += 1
        prepared = []  # the workers, each with its context and its caller
        started: list[RunningWorker] = []
        try:
            self._setup.log.settings(workers)
            for worker in workers:  # with processes this may take a second
                context = self._setup.worker_context(worker)
                prepared.append((worker, context, make_caller(worker, context, self._setup.interceptors)))
            with self._locked():
                resources = self._opened()
            if self._setup.lifespans is not None:
                self._setup.lifespans.enter(resources.event_loop, resources.on_end)
            with self._locked():
                self._check_keys(workers)  # again, because another thread may have started one meanwhile
                for worker, context, caller in prepared:
                    previous = self._workers.get(worker.key)
                    if previous is not None:
                        self._replaced = [each for each in (*self._replaced, previous) if not each.capacity.has_ended]
                    running = RunningWorker(worker, resources, caller, context)
                    self._workers[worker.key] = running
                    started.append(running)
                    self._setup.log.started(worker)
        except BaseException:
            for running in started:
                running.shutdown(self._setup.clock.now() + self._setup.shutdown_timeout)
            for _, _, caller in prepared[len(started) :]:
                if caller is not None:
                    caller.close()
            with self._locked():
                self._starting -= 1
                self._alive_or_close()
            raise
        with self._locked():
            self._starting -= 1
        self.waiters.wake_up()

    def _check_keys(self, workers: Sequence[Worker]) -> None:
        """ConfigurationError: two of the workers have the same key, or a worker of one of the keys is running."""
        keys: dict[WorkerKey, Worker] = {}
        for worker in workers:
            if worker.key in keys:
                raise ConfigurationError(clash_of(keys[worker.key], worker))
            keys[worker.key] = worker
            if self.find(*worker.key) is not None:
                raise ConfigurationError(f"a worker for {named(worker)} is running already")

    def find(self, task_name: str, domain: str | None) -> RunningWorker | None:
        """The worker; None if there is none or it is stopping."""
        with self._locked():
            running = self._workers.get((task_name, domain))
        return running if running and not running.is_stopping else None

    def known(self, task_name: str, domain: str | None) -> RunningWorker:
        """The worker. ConfigurationError if there is none."""
        running = self.find(task_name, domain)
        if running is None:
            others = [of_domain(each.worker.domain) for each in self.active() if each.worker.task_name == task_name]
            hint = f"; there is one {', '.join(others)}" if others else ""  # a variable may have set another domain
            raise ConfigurationError(f"no worker registered for task_name {task_name!r} {of_domain(domain)}{hint}")
        return running

    def chosen(self, task_name: str | None, domain: str | None) -> list[RunningWorker]:
        """One worker; all of them without name and domain."""
        if task_name is not None:
            return [self.known(task_name, domain)]
        if domain is not None:
            raise ConfigurationError(f"domain {domain!r} needs a task_name")
        return self.active()

    def active(self) -> list[RunningWorker]:
        """The workers that are not stopping."""
        with self._locked():
            return [running for running in self._workers.values() if not running.is_stopping]

    def shutdown(self, task_name: str | None = None, domain: str | None = None) -> None:
        """See TaskRunner.shutdown. A worker that is stopping keeps the end of its drain."""
        drain_until = self._setup.clock.now() + self._setup.shutdown_timeout
        with self._locked():
            known = None if task_name is None else self._workers.get((task_name, domain))  # it may be stopping
        chosen = [known] if known else self.chosen(task_name, domain)
        ending = [running for running in chosen if not running.is_stopping]
        in_hand = [(running.worker, running.in_hand) for running in ending]
        self._setup.log.draining(in_hand, self._setup.shutdown_timeout, task_name)
        for running in ending:
            running.shutdown(drain_until)
        self.waiters.wake_up()

    def wait(self, deadline: float, events: queue.SimpleQueue[int]) -> bool:
        """Block until all workers have ended: see TaskRunner.wait_workers. deadline: on the monotonic clock.

        events: a queue of ``waiters``, which may also get signals. STOP_WAITING in it makes this method return False.
        """
        with self._locked():
            resources = self._resources
        while alive := self._alive_or_close():
            self._setup.log.polling()
            if self._stop_requests > 1:
                return self._abandon(alive)
            if self._stop_requests and self.active():  # workers may have started since
                self.shutdown()
            drain_until = max(each.drain_until for each in alive)
            drained = time.monotonic() + drain_until - self._setup.clock.now()
            try:
                event = next_event(events, min(deadline, drained))
            except queue.Empty:
                return self._abandon(alive) if drained <= deadline else False
            if event == STOP_WAITING:
                return False
            if event != WAKE_UP:
                pass_to_all_runners(event)
        if resources is not None:
            resources.log_sender.wait_for_answers(LAST_LINES_WITHIN)
        return not self.work_was_left.is_set()

    def request_stop(self, cause: str) -> None:
        """The first request drains, even before ``wait``. The second one is for the thread in ``wait``.

        cause: the name of a signal, or another word for the log.
        """
        if os.getpid() == self._process_id:
            self._setup.log.stop_requested(cause)
            with self._locked():
                self._stop_requests += 1
            self.shutdown()

    def _locked(self) -> threading.RLock:
        """The lock. ConductorError in a forked child, because its parent's threads do not run there."""
        if os.getpid() != self._process_id:
            raise ConductorError("a TaskRunner does not survive os.fork(): make one in the child process")
        return self._state

    def _opened(self) -> Resources:
        """The shared resources. The first worker opens them."""

        def one_has_ended() -> None:
            self.waiters.wake_up()
            if self._leaks is None and os.getpid() == self._process_id:  # the drain is over: nothing may wait any more
                self._alive_or_close()

        if self._resources is None:
            self.work_was_left.clear()
            self._stop_requests = 0
            resources = self._setup.open_resources(self.work_was_left, one_has_ended)
            resources.event_loop.lost.listen(partial(_end_coroutines, self))
            try:
                self._outbox_sender = None if resources.outbox is None else OutboxSender(resources.outbox, resources)
            except RuntimeError:  # the system has no thread left
                resources.close()
                raise
            self._leaks = Leaks()
            atexit.register(self._warn_at_exit)
            signal_listeners.add(self.request_stop)
            self._resources = resources
        return self._resources

    def _alive_or_close(self) -> Sequence[RunningWorker | Lifespan]:
        """The workers that have not ended, or else the lifespan that is being left. Without both, close the rest."""
        with self._locked():  # so that no worker starts between the check and the closing
            alive = [each for each in (*self._workers.values(), *self._replaced) if not each.capacity.has_ended]
            if alive or self._starting:
                return alive
            lifespan = self._setup.entered_lifespan
            if lifespan is not None:
                now = self._setup.clock.now()
                ends = (each.drain_until for each in self._workers.values())
                lifespan.leave(max(now + LIFESPAN_LEFT_WITHIN, max(ends, default=now + self._setup.shutdown_timeout)))
                return [lifespan]
            if self._resources is not None:
                resources, self._resources = self._resources, None
                if self._outbox_sender is not None:
                    self._outbox_sender.close()  # before the outbox, to know whether results are left
                resources.close()
                signal_listeners.discard(self.request_stop)
                self._warn_of_leaks()
                self._setup.log.stopped(0, not self.work_was_left.is_set())
            if self._setup.own_client is not None:
                self._setup.own_client.close()
        return []

    def _abandon(self, alive: Sequence[RunningWorker | Lifespan]) -> bool:
        """The drain is over, or a second signal has come. End within two seconds, even if the server does not answer.

        1. No more attempts are made: see RunningWorker.abandon.
        2. Requests under way get LAST_ANSWERS_WITHIN for their answers.
        3. Lost results are logged, and passed to on_result_lost.
        4. The lifespan is left, in the same time, and then given up.
        5. Threads and processes that keep this process from ending are logged.
        """
        workers = [each for each in alive if isinstance(each, RunningWorker)]
        until = time.monotonic() + (LAST_ANSWERS_WITHIN if workers else 0.0)
        with self._locked():  # no worker starts meanwhile, and each is abandoned by one thread
            self._stop_requests = 0  # the next signal counts for workers that are started from now on
            outbox_sender = self._outbox_sender
            lifespan = None if self._starting else self._setup.entered_lifespan
            abandoned_now = [running for running in workers if running.abandon()]
            if lifespan is not None:
                lifespan.leave(-math.inf)
        if outbox_sender is not None:
            outbox_sender.close()
        for reported in [running.wait_for_last_answers(until - time.monotonic()) for running in abandoned_now]:
            reported.wait(max(0.0, until + LOSSES_REPORTED_WITHIN - time.monotonic()))
        if lifespan is not None and not lifespan.wait_ended(until + LOSSES_REPORTED_WITHIN - time.monotonic()):
            lifespan.give_up()
            self.work_was_left.set()
        with self._locked():  # the end of a worker, on another thread, would otherwise be logged first
            self._warn_of_leaks()
            left = sum(running.in_hand for running in abandoned_now)
            self._setup.log.stopped(left, not self.work_was_left.is_set())
            self._alive_or_close()
        return False

    def _warn_of_leaks(self) -> None:
        atexit.unregister(self._warn_at_exit)  # it is logged here
        with self._locked():
            leaks, self._leaks = self._leaks, None
        if leaks is not None:
            leaks.warn()

    def _warn_at_exit(self) -> None:
        if os.getpid() != self._process_id:  # a thread of the parent may have held a lock of its workers
            return
        if any(not each.capacity.has_ended for each in (*self._workers.values(), *self._replaced)):
            logger.warning(
                "the process ends although workers run: wait_workers() would keep it running;"
                " the server hands out their tasks again when the leases end"
            )


def _end_coroutines(workers: Workers) -> None:
    """The event loop is closed. Each further task of an async function would be handed back."""
    logger.error("the event loop was closed, so the workers with async functions end")
    for running in workers.active():
        if running.worker.is_async:
            workers.shutdown(*running.worker.key)
