"""A worker process, as it sees itself: it obeys its supervisor, reports to it, and ends when the supervisor ends."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from types import FrameType

if sys.platform != "win32":
    import fcntl

from conductor import _gauges, _runners
from conductor.calling.process_main import kill_group
from conductor.metrics import MetricsCollector
from conductor.runner.signals import pass_to_all_runners
from conductor.runner.task_runner import TaskRunner
from conductor.supervision.messages import DRAIN, NOW, PROBLEM, READY, REPORT, Family, Report, as_json
from conductor.supervision.stop_signals import STOP_SIGNALS

OF_HEALTH = {metric.name for metric in _gauges.families(None)}
"""The names of the metrics that tell the health."""
REPORT_INTERVAL = 1.0
"""Seconds between two reports."""


class WorkerProcess:
    """The connection to the supervisor. Thread-safe. Made on the main thread, before the code of a user runs.

    descriptor, lifeline: of the socket, and of the pipe of Child. collector: the metrics of the reports; None: the
    supervisor wants no reports.

    A terminal sends SIGINT to the supervisor alone, and a service manager may send SIGTERM to every process. So SIGINT
    does nothing here, and SIGTERM and DRAIN together begin one drain. Only NOW ends it. Orders wait until the workers
    run.
    """

    def __init__(self, descriptor: int, lifeline: int, collector: MetricsCollector | None) -> None:
        _end_with(lifeline)
        os.set_inheritable(descriptor, False)  # a program that a function starts must not hold the connection
        self._connection = Connection(descriptor)
        self._sending = threading.Lock()  # guards the writing end, which is no network
        self._orders: queue.SimpleQueue[bytes] = queue.SimpleQueue()  # its ``put`` is safe in a signal handler
        self._has_started = threading.Event()
        self._ends = threading.Event()
        self._reporter: threading.Thread | None = None
        if collector is not None:
            self._reporter = threading.Thread(
                target=self._report, args=(collector,), name="conductor-reports", daemon=True
            )
        signal.signal(signal.SIGINT, _nothing)  # a program that a function starts would inherit SIG_IGN
        signal.signal(signal.SIGTERM, self._terminate)
        if sys.platform != "win32":
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
            os.register_at_fork(after_in_child=self._leave_to_original)
        threading.Thread(target=self._listen, name="conductor-orders", daemon=True).start()
        threading.Thread(target=self._obey, name="conductor-stop", daemon=True).start()

    def refused(self, problem: str) -> None:
        """The workers cannot be started."""
        self._tell(PROBLEM + problem.encode("utf-8", "replace"))

    def work(self, runner: TaskRunner) -> int:
        """Obey orders and send reports until the running workers of the runner have ended.

        Returns the exit status: 0, or 1 if work is left behind.
        """
        self._tell(READY)
        self._has_started.set()
        if self._reporter is not None:
            self._reporter.start()
        is_delivered = runner.wait_workers(handle_signals=False)
        self._ends.set()
        if self._reporter is not None:
            self._reporter.join()  # it sends the last report
        return 0 if is_delivered else 1

    def _terminate(self, _number: int, _frame: FrameType | None) -> None:
        self._orders.put(DRAIN)

    def _listen(self) -> None:
        with suppress(EOFError, OSError):
            while True:
                self._orders.put(self._connection.recv_bytes())
        kill_group(os.getpid())  # this process, which leads a group, and what it has started

    def _obey(self) -> None:
        self._has_started.wait()
        drains = False
        while True:
            order = self._orders.get()
            if order == NOW or not drains:  # NOW is the second request to stop
                drains = True
                pass_to_all_runners(signal.SIGTERM)

    def _leave_to_original(self) -> None:
        """In a copy that a function has forked: signals end the copy, and only the original has a supervisor."""
        self._connection.close()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _report(self, collector: MetricsCollector) -> None:
        ends = False
        while True:
            self._tell(REPORT + as_json(Report(_families(collector), _runners.health())))
            if ends:
                return
            ends = self._ends.wait(REPORT_INTERVAL)

    def _tell(self, message: bytes) -> None:
        with self._sending, suppress(OSError):  # the supervisor has ended
            self._connection.send_bytes(message)


def _end_with(lifeline: int) -> None:
    """Let Linux kill this process, and its group, at the end of the pipe.

    ``_listen`` does so too, but not while code in C lets no Python run, or the process is stopped.
    """
    os.set_inheritable(lifeline, False)
    if sys.platform == "linux":
        with suppress(OSError):  # of a sandbox without these calls
            fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
            fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
            fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC)


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """Ignores a signal."""


def _families(collector: MetricsCollector) -> list[Family]:
    """Without the metrics of the health, which Reports makes from the health of all processes."""
    return [
        Family(
            metric.name,
            metric.documentation,
            metric.type,
            [(each.name, each.labels, each.value) for each in metric.samples],
        )
        for metric in collector.collect()
        if metric.name not in OF_HEALTH
    ]
