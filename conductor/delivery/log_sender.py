"""Sends log lines of functions while they run. Lines that it has not sent at the end of a function go with the result.

A task's lines wait for a second, so that one request carries many of them, and a short function costs no request. The
requests of a runner are spread, and a few threads send them, so they delay no result and no extension of a lease. No
result waits for them either: if a function ends during a request with its lines, they are not in the result, and stand
in the log before or after its lines.

After a failed request there is a pause, in which lines wait for their result. Lines that the server did not get wait
again. Other lines of a failed request may have arrived, so they are dropped, because no line may stand there twice.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import partial

from conductor import _recording
from conductor._backoff import Backoff
from conductor._clock import Clock
from conductor._log import about, logger_of
from conductor._notes import Notes
from conductor._schedule import Schedule
from conductor._threads import ThreadsOnDemand
from conductor.delivery.failure_log import FailureLog
from conductor.errors import ApiError, ConductorError, TransportError
from conductor.models import TaskExecLog
from conductor.task_client import TaskClient

logger = logger_of(__name__)

WAIT = 1.0
"""Seconds that lines wait for more lines of their task."""
BETWEEN_REQUESTS = 0.05
"""Seconds at least from the begin of a request to the begin of the next one, of all tasks of a runner."""
MOST_THREADS = 4
"""Requests under way at once."""
ANSWERED_WITHIN = 5.0
"""Seconds."""
OF_A_GATEWAY = (502, 504)
"""Statuses by which a proxy says that it has no answer of the server."""
NOT_STORED = "log lines are not accepted while functions run, and go with the results"
STORED_AGAIN = "log lines are accepted while functions run"


class LogSender:
    """The listener of the notes of all running functions of a runner. Thread-safe."""

    def __init__(self, client: TaskClient, clock: Clock, schedule: Schedule) -> None:
        self._client = client
        self._clock = clock
        self._schedule = schedule
        self._threads = ThreadsOnDemand("conductor-log", MOST_THREADS)
        self._failures = FailureLog("task_context().log", NOT_STORED, STORED_AGAIN)
        # Guards everything below. A user's signal handler may log while its thread holds it.
        self._changed = threading.Condition(threading.RLock())
        self._waiting: OrderedDict[Notes, float] = OrderedDict()  # with the time at which a request is due
        self._under_way: set[Notes] = set()
        self._next_request = clock.now()  # the earliest time of one
        self._backoff = Backoff()
        self._is_planned = False  # the schedule will call ``_start_next``
        self._is_closed = False

    def notice(self, notes: Notes) -> None:
        with self._changed:
            if not notes.has_lines:  # of an execution that has ended
                self._waiting.pop(notes, None)
            elif notes not in self._waiting and notes not in self._under_way and not self._is_closed:
                self._waiting[notes] = self._clock.now() + WAIT
                self._plan()

    def wait_for_answers(self, seconds: float) -> bool:
        """Block until no request is under way, at most ``seconds``. Returns False if that time has passed."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._under_way, seconds)

    def close(self) -> None:
        """Send no more lines. Requests under way are not awaited."""
        with self._changed:
            self._is_closed = True
            self._waiting.clear()
        self._threads.close()

    def _plan(self) -> None:
        """Called with the lock."""
        if self._waiting and not self._is_planned and len(self._under_way) < MOST_THREADS:
            self._is_planned = True
            first_due = next(iter(self._waiting.values()))
            self._schedule.at(max(first_due, self._next_request), self._start_next)

    def _start_next(self) -> None:
        """Called on the schedule's thread. Start the request that is due first."""
        now, notes = self._clock.now(), None
        with self._changed:
            self._is_planned = False
            if self._waiting and next(iter(self._waiting.values())) <= now:  # otherwise the first ones have ended
                notes, _ = self._waiting.popitem(last=False)
                self._under_way.add(notes)
                self._next_request = now + BETWEEN_REQUESTS
            self._plan()
        if notes is None:
            return
        try:
            self._threads.run(partial(self._send, notes))
        except RuntimeError as error:  # the system has no thread left
            self._request_ended(notes, [], ConductorError(str(error)))

    def _send(self, notes: Notes) -> None:
        lines, unsent = notes.take(), []
        error = self._request(notes.task.task_id, lines) if lines else None
        if error is not None:
            fate = "may be lost" if _may_be_stored(error) else "go with the result, if it is not sent yet"
            task = notes.task
            extra = about(task.task_type or task.task_def_name or "", task, task.retry_count)
            logger.debug("%d log lines %s: %s", len(lines), fate, error, extra=extra)
            unsent = [] if _may_be_stored(error) else lines
        self._request_ended(notes, unsent, error)

    def _request(self, task_id: str, lines: list[TaskExecLog]) -> ConductorError | None:
        """Send one request. Returns its error."""
        text = "\n".join(line.log or "" for line in lines)
        try:
            self._client.add_log(task_id, text or " ", ANSWERED_WITHIN)  # the server refuses an empty text (3.32.3)
        except ConductorError as error:
            self._failures.failed(error)
            return error
        except Exception as bug:
            _recording.uncaught.count_error(bug)
            logger.exception("a bug kept log lines from being sent")
            return ConductorError(type(bug).__name__)
        self._failures.recovered()
        return None

    def _request_ended(self, notes: Notes, unsent: list[TaskExecLog], error: ConductorError | None) -> None:
        with self._changed:
            self._under_way.discard(notes)
            if error is None:
                self._backoff.reset()
            else:
                pause = self._backoff.next(error.retry_after if isinstance(error, ApiError) else None)
                self._next_request = max(self._next_request, self._clock.now() + pause)
            if notes.taken(unsent) and not self._is_closed:  # with the lock, so that no news is missed
                self._waiting[notes] = self._clock.now() + WAIT
            self._plan()
            self._changed.notify_all()


def _may_be_stored(error: ConductorError) -> bool:
    """Whether the server may have stored the lines of the failed request."""
    if isinstance(error, ApiError):
        return error.status in OF_A_GATEWAY
    return not isinstance(error, TransportError) or error.may_have_arrived
