"""The measurements of a worker process. Recording never raises into its caller.

Each instrument below is declared once and called by its name: ``late.count("my_task")``. Nothing is recorded before the
first MetricsCollector is made. Until then, a recording is one comparison, and prometheus_client is not loaded: its
import takes a third of the time.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter as Tally
from collections.abc import Callable, Iterable
from typing import Any, Protocol
from weakref import WeakSet

from conductor._log import logger_of, printable
from conductor.errors import ApiError

logger = logger_of(__name__)

MOST_VALUES, LONGEST_VALUE, OTHER = 100, 100, "other"
"""The largest number of values of a bounded label per task type, their largest length, and the value of the rest."""
TIME_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SIZE_BUCKETS = (100, 1e3, 1e4, 1e5, 1e6, 1e7)

_lock = threading.Lock()  # guards the storages, the making of bounded series, and the sources of ``executing``


class Storage(Protocol):
    """The numbers of one instrument: a Counter or a Histogram of prometheus_client."""

    def labels(self, *values: str) -> Any: ...
    def collect(self) -> Iterable[Any]: ...


class Instrument:
    """A row of the catalogue.

    is_bounded: the values of the last label come from outside (the class of an error, the status of an answer). Each
    value makes a series in this process and in Prometheus, so all values after the first hundred count as "other".
    """

    def __init__(self, name: str, text: str, *labels: str, is_bounded: bool = False) -> None:
        self.name = name
        self.text = text
        self.labels = labels
        self.is_bounded = is_bounded
        self.series: _Series | None = None
        """None until the first MetricsCollector is made."""
        self.storage: Storage | None = None
        self._failure_is_logged = False

    def record_in(self, storage: Storage) -> None:
        """Record into this storage from now on. Only the first call counts."""
        with _lock:
            if self.series is None:
                self.storage = storage
                self.series = _Series(lambda labels: self._recorder(storage.labels(*labels)), self.is_bounded)

    def _recorder(self, child: Any) -> Callable[..., object]:
        """The recording method of a storage's child."""
        raise NotImplementedError

    def _failed(self, error: Exception) -> None:
        if not self._failure_is_logged:
            self._failure_is_logged = True
            logger.error("a metric could not be recorded; this is said once for %s", self.name, exc_info=error)


class _Series(dict[tuple[str, ...], Callable[..., object]]):
    """The recording functions of one instrument, by label values. A series is made when it is first needed."""

    def __init__(self, make: Callable[[tuple[str, ...]], Callable[..., object]], is_bounded: bool) -> None:
        super().__init__()
        self._make = make
        self._is_bounded = is_bounded
        self._told_apart: Tally[tuple[str, ...]] = Tally()  # values of the last label, by the other labels

    def __missing__(self, labels: tuple[str, ...]) -> Callable[..., object]:
        if not self._is_bounded:
            return self.setdefault(labels, self._make(labels))
        others, value = labels[:-1], printable(labels[-1], LONGEST_VALUE)
        if value != labels[-1]:
            return self[(*others, value)]
        with _lock:
            if labels not in self and value != OTHER:
                if self._told_apart[others] >= MOST_VALUES:
                    labels = (*others, OTHER)
                else:
                    self._told_apart[others] += 1
            return self.setdefault(labels, self._make(labels))


class Counter(Instrument):
    def count(self, *labels: str) -> None:
        """One more."""
        series = self.series
        if series is None:
            return
        try:
            series[labels]()
        except Exception as error:  # noqa: BLE001 - a metric must not fail a task
            self._failed(error)

    def _recorder(self, child: Any) -> Callable[..., object]:
        increase: Callable[..., object] = child.inc
        return increase


class ErrorCounter(Counter):
    """Counts errors by their class, which is the last label."""

    def __init__(self, name: str, text: str, *labels: str) -> None:
        super().__init__(name, text, *labels, "exception", is_bounded=True)

    def count_error(self, error: BaseException, *labels: str) -> None:
        """One more error."""
        if self.series is not None:
            self.count(*labels, type(error).__name__)


class Histogram(Instrument):
    def __init__(
        self, buckets: tuple[float, ...], name: str, text: str, *labels: str, is_bounded: bool = False
    ) -> None:
        super().__init__(name, text, *labels, is_bounded=is_bounded)
        self.buckets = buckets

    def observe(self, value: float, *labels: str) -> None:
        """One more value."""
        series = self.series
        if series is None:
            return
        try:
            series[labels](value)
        except Exception as error:  # noqa: BLE001 - a metric must not fail a task
            self._failed(error)

    def _recorder(self, child: Any) -> Callable[..., object]:
        observe: Callable[..., object] = child.observe
        return observe


_TASK = "taskType"
polls = Counter("task_poll", "Poll requests", _TASK)
poll_errors = ErrorCounter("task_poll_error", "Polls that failed", _TASK)
poll_time = Histogram(TIME_BUCKETS, "task_poll_time_seconds", "Duration of a poll", _TASK, "status")
executions = Counter("task_execution_started", "Executions", _TASK)
execute_errors = ErrorCounter("task_execute_error", "Executions that raised", _TASK)
execute_time = Histogram(TIME_BUCKETS, "task_execute_time_seconds", "Duration of an execution", _TASK, "status")
update_errors = ErrorCounter("task_update_error", "Updates that failed", _TASK)
update_time = Histogram(TIME_BUCKETS, "task_update_time_seconds", "Duration of an update", _TASK, "status")
result_size = Histogram(SIZE_BUCKETS, "task_result_size_bytes", "Size of an output's JSON", _TASK)
queue_full = Counter("task_execution_queue_full", "Polls put off: every slot was busy", _TASK)
paused = Counter("task_paused", "Polls put off: the worker was paused", _TASK)
uncaught = ErrorCounter("thread_uncaught_exceptions", "Bugs that a thread survived")
payloads = Counter("external_payload_used", "Payloads in external storage", "entityName", "operation", "payloadType")
start_errors = ErrorCounter("workflow_start_error", "Starts that failed", "workflowType")
input_size = Histogram(SIZE_BUCKETS, "workflow_input_size_bytes", "Size of an input's JSON", "workflowType", "version")
http_time = Histogram(
    TIME_BUCKETS, "http_api_client_request_seconds", "Duration of a request", "method", "uri", "status", is_bounded=True
)
results_lost = Counter("task_result_lost", "Results refused, discarded or given up", _TASK, "reason")
late = Counter("task_result_late", "Executions that took longer than their lease", _TASK)
duplicates = Counter("task_duplicate", "Deliveries of a task that was running already", _TASK)
handed_back = Counter("task_handed_back", "Tasks put back into their queue unstarted", _TASK)
threads_lost = Counter("task_thread_lost", "Threads lost to functions that exceeded their time limit", _TASK)
lease_extensions = Counter("task_lease_extension", "Extensions that the server accepted", _TASK)
lease_errors = ErrorCounter("task_lease_extension_error", "Extensions that failed", _TASK)
poll_error_statuses = Counter(
    "poll_error_status", "Feeds the guide's task_poll_error", _TASK, "status", is_bounded=True
)

CATALOGUE = tuple(each for each in tuple(globals().values()) if isinstance(each, Instrument))


class Source(Protocol):
    """A part of the process that executes tasks of one type."""

    @property
    def task_name(self) -> str: ...
    @property
    def executing(self) -> int:
        """The number of tasks that it executes now. Called on any thread."""


class Executing:
    """The tasks that execute now. They are counted at each scrape, so they cost an execution nothing."""

    def __init__(self) -> None:
        self._sources: WeakSet[Source] = WeakSet()
        self._seen: set[str] = set()

    def add(self, source: Source) -> None:
        """Count the tasks of the source for as long as the source exists."""
        with _lock:
            self._sources.add(source)
            self._seen.add(source.task_name)

    def by_type(self) -> dict[str, int]:
        """The number of executing tasks of each type; 0 for a type that has none any more."""
        with _lock:
            numbers, sources = dict.fromkeys(self._seen, 0), list(self._sources)
        for source in sources:
            numbers[source.task_name] += source.executing
        return numbers

    def forget_all(self) -> None:
        """For a forked process: the running tasks of its parent are not its own."""
        self._sources = WeakSet()
        self._seen = set()


executing = Executing()


def _after_fork() -> None:
    """A thread of the parent may have held the lock, and its running tasks are not the child's."""
    global _lock  # noqa: PLW0603 - as above
    _lock = threading.Lock()
    executing.forget_all()


if sys.platform != "win32":  # where nothing forks
    os.register_at_fork(after_in_child=_after_fork)


def _outcome(error: object | None) -> str:
    return "SUCCESS" if error is None else "FAILURE"


def _status(status: int) -> str:
    """0: no answer came."""
    return str(status) if 100 <= status < 600 else OTHER if status else "0"


def poll_finished(task_type: str, seconds: float, error: Exception | None = None) -> None:
    if polls.series is None:
        return
    polls.count(task_type)
    poll_time.observe(seconds, task_type, _outcome(error))
    if error is not None:
        poll_errors.count_error(error, task_type)
        poll_error_statuses.count(task_type, _status(error.status if isinstance(error, ApiError) else 0))


def execution_finished(task_type: str, seconds: float, error: str | None = None) -> None:
    """error: the class of the function's exception."""
    if execute_time.series is None:
        return
    execute_time.observe(seconds, task_type, _outcome(error))
    if error is not None:
        execute_errors.count(task_type, error)


def update_finished(task_type: str, seconds: float, error: Exception | None = None) -> None:
    if update_time.series is None:
        return
    update_time.observe(seconds, task_type, _outcome(error))
    if error is not None:
        update_errors.count_error(error, task_type)


def http_request(method: str, uri: str, status: int, seconds: float) -> None:
    """uri: the path template. status: 0 when no answer came."""
    if http_time.series is not None:
        http_time.observe(seconds, method, uri, _status(status))
