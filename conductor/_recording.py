"""What a worker process counts and times. Recording never raises into its caller.

Nothing is recorded until somebody reads: before the first MetricsCollector is made, a recording is one comparison, and
prometheus_client, a third of what importing this package would take, is not even loaded.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Concatenate, ParamSpec

from conductor._log import logger_of, printable
from conductor.errors import ApiError

if TYPE_CHECKING:
    from conductor.metrics import Instruments

logger = logger_of(__name__)

P = ParamSpec("P")

MOST_VALUES, LONGEST_VALUE, OTHER = 100, 100, "other"
"""Classes of errors, and statuses, that a metric tells apart for each task type; and characters of each."""

_lock = threading.Lock()  # guards everything below
_instruments: Instruments | None = None  # one set, whoever asks first
_active: Counter[str] = (
    Counter()
)  # running tasks by type; counted always, or one that began unrecorded would be missing
_known: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)  # values of a label, by metric and its other labels


def _after_fork() -> None:
    """A thread of the parent may have held the lock, and its running tasks are not the child's."""
    global _lock  # noqa: PLW0603 - as above
    _lock = threading.Lock()
    _active.clear()


if sys.platform != "win32":  # where nothing forks
    os.register_at_fork(after_in_child=_after_fork)


def switch_on(make: Callable[[], Instruments]) -> Instruments:
    """The process's instruments, made by the first call; from then on recordings go into them."""
    global _instruments  # noqa: PLW0603 - the process's metrics, as all of them are
    with _lock:
        if _instruments is None:
            _instruments = make()
        return _instruments


def _recording(record: Callable[Concatenate[Instruments, P], None]) -> Callable[P, None]:
    """A recording that does nothing before somebody reads, and never raises: a metric must not fail a task."""
    told = threading.Event()

    @functools.wraps(record)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        if _instruments is None:
            return
        try:
            record(_instruments, *args, **kwargs)
        except Exception:
            if not told.is_set():
                told.set()
                logger.exception("a metric could not be recorded; this is said once for %s", record.__name__)

    return guarded


def _outcome(error: object | None) -> str:
    return "SUCCESS" if error is None else "FAILURE"


def _bounded(value: str, *of: str) -> str:
    """The value as a label that others choose: a class that a function makes anew each time, a server's status.

    of: the metric and its other labels. Their first hundred values are told apart: each makes a series that Prometheus
    keeps, and this process too.
    """
    value, known = printable(value, LONGEST_VALUE), _known[of]
    if value not in known:
        with _lock:
            if len(known) >= MOST_VALUES:
                return OTHER
            known.add(value)
    return value


def _status(status: int, *of: str) -> str:
    """0: no answer came."""
    return _bounded(str(status), *of) if 100 <= status < 600 else OTHER if status else "0"


@_recording
def poll_finished(to: Instruments, task_type: str, seconds: float, error: Exception | None = None) -> None:
    to.polls.labels(task_type).inc()
    to.poll_time.labels(task_type, _outcome(error)).observe(seconds)
    if error is not None:
        to.poll_errors.labels(task_type, _bounded(type(error).__name__, "poll", task_type)).inc()
        status = _status(error.status if isinstance(error, ApiError) else 0, "poll status", task_type)
        to.poll_error_statuses.labels(task_type, status).inc()


def active_tasks() -> dict[str, int]:
    """How many tasks of each type are executing now; 0 for a type that has none any more."""
    with _lock:
        return dict(_active)


def execution_started(task_type: str) -> None:
    with _lock:
        _active[str(task_type)] += 1
    _count_execution(task_type)


def execution_aborted(task_type: str) -> None:
    """It is not executing any more, and its time means nothing."""
    with _lock:
        _active[str(task_type)] -= 1


def execution_finished(task_type: str, seconds: float, error: str | None = None) -> None:
    """error: the class of what the function raised."""
    execution_aborted(task_type)
    _time_execution(task_type, seconds, error)


@_recording
def _count_execution(to: Instruments, task_type: str) -> None:
    to.executions.labels(task_type).inc()


@_recording
def _time_execution(to: Instruments, task_type: str, seconds: float, error: str | None) -> None:
    to.execute_time.labels(task_type, _outcome(error)).observe(seconds)
    if error is not None:
        to.execute_errors.labels(task_type, _bounded(error, "execute", task_type)).inc()


@_recording
def update_finished(to: Instruments, task_type: str, seconds: float, error: Exception | None = None) -> None:
    to.update_time.labels(task_type, _outcome(error)).observe(seconds)
    if error is not None:
        to.update_errors.labels(task_type, _bounded(type(error).__name__, "update", task_type)).inc()


@_recording
def count(to: Instruments, counter: str, *labels: str) -> None:
    """One more of what an Instruments' counter of that name counts."""
    getattr(to, counter).labels(*labels).inc()


@_recording
def count_error(to: Instruments, counter: str, error: Exception, *labels: str) -> None:
    """One more error: the counter's last label is its class."""
    getattr(to, counter).labels(*labels, _bounded(type(error).__name__, counter, *labels)).inc()


@_recording
def observe(to: Instruments, histogram: str, value: float, *labels: str) -> None:
    """A value for an Instruments' histogram of that name."""
    getattr(to, histogram).labels(*labels).observe(value)


@_recording
def http_request(to: Instruments, method: str, uri: str, status: int, seconds: float) -> None:
    """uri: the path template. status: 0 when no answer came."""
    to.http_time.labels(method, uri, _status(status, method, uri)).observe(seconds)
