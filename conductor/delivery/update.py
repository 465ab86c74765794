"""Sending a result until the server has it: retried with growing pauses, for as long as the result can matter.

===========================================  ==========================================================================
the server's answer                          what becomes of the result
===========================================  ==========================================================================
accepted                                     delivered
none, 5xx, 429, 401, 403, and 3xx, other     kept, and sent again. IN_PROGRESS is sent again only if the task still is
4xx or 200 from something in between         as it was delivered here: a blind repeat would put a task into the queue
                                             that runs elsewhere by now
500 "JSON parse error", 400, 413, 422,       refused for good: a small FAILED_WITH_TERMINAL_ERROR goes out instead
other 4xx in Conductor's own JSON
404 "No such task (workflow) found", 409     discarded: nobody waits for it
===========================================  ==========================================================================

Refused, discarded and given-up results are named: to on_result_lost, in the log and in a counter.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import msgspec

from conductor import _recording
from conductor._backoff import Backoff
from conductor._clock import Clock
from conductor._log import about, logger_of, printable
from conductor.delivery.trouble import Trouble
from conductor.errors import (
    ApiError,
    AuthenticationError,
    ConductorError,
    ConflictError,
    RateLimitedError,
    ServerError,
    TransportError,
)
from conductor.models import TaskResultStatus, TaskStatus
from conductor.task_client import Delivery, TaskClient, says_task_is_gone, says_update_and_poll_is_missing
from conductor.task_result import TaskResult, failed

if TYPE_CHECKING:
    from conductor.delivery.outbox import Outbox

logger = logger_of(__name__)

T = TypeVar("T")

OnResultLost = Callable[[TaskResult, ConductorError], object]

KEEP_AT_LEAST = 15 * 60.0
"""Seconds after its poll that a result is kept, even when the task's own response timeout is shorter."""
PROBE_V2_EVERY = 5 * 60.0
"""Seconds until update-v2 is tried again on a server that did not have it."""

LONGEST_WAIT_IN_DRAIN = 5.0
"""Seconds, whatever Retry-After says: the server may be back for the last of the drain."""

FINAL = (400, 409, 413, 422)
"""Statuses that are about the result itself, whoever says so."""

NOTHING = Delivery([], [])

_telling: ContextVar[bool] = ContextVar("conductor_on_result_lost", default=False)


def inside_on_result_lost() -> bool:
    return _telling.get()


@dataclass(eq=False)
class Parcel:
    """A result on its way, and what to know about it.

    keep_until: asked after each failure; on the runner's clock. patience: seconds that the answer may take; doubled
    with each pause, up to most_patience, for it may be the server that is slow. may_poll: asked before the first
    attempt: may its answer bring the next task? A repeat never asks, for each lost answer could hold one. attempt:
    entered around each. poll_count: of the task as it was delivered; IN_PROGRESS needs it. retry_count: the task's, for
    the log, or None where it is not known. produced: by a worker
    function, so that it is replaced when it is refused, and named when it is lost. stored: it is in the outbox. tell:
    what on_result_lost is still to be told, of the result that this one replaces.
    """

    result: TaskResult
    keep_until: Callable[[], float]
    patience: float = math.inf
    most_patience: float = math.inf
    poll_count: int = 0
    retry_count: int | None = None
    may_poll: Callable[[], bool] = lambda: False
    attempt: Callable[[], AbstractContextManager[None]] = nullcontext
    produced: bool = True
    stored: bool = False
    tell: Callable[[], object] = bool
    last_error: ConductorError | None = None
    in_drain: bool = False

    @property
    def is_terminal(self) -> bool:
        return self.result.status != TaskResultStatus.IN_PROGRESS


class UpdateV2:
    """Whether the server has update-v2, and answers to it arrive, as far as a runner knows. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()  # guards everything below
        self._again_at: float | None = None  # set while it is missing, or rests
        self._missing = False
        self._backoff = Backoff()

    def may_be_tried(self) -> bool:
        """While it is missing or rests, one caller may try it now and then."""
        with self._lock:
            now = self._clock.now()
            if self._again_at is None or now < self._again_at:
                return self._again_at is None
            self._again_at = now + PROBE_V2_EVERY
            return True

    def found_missing(self) -> bool:
        """Returns whether that is news."""
        with self._lock:
            is_news, self._missing = not self._missing, True
            self._again_at = self._clock.now() + PROBE_V2_EVERY
            return is_news

    def unanswered(self) -> None:
        """Each answer that is lost may hold a task: until it works again, plain updates and polls lose fewer."""
        with self._lock:
            self._again_at = self._clock.now() + self._backoff.next()

    def answered(self) -> None:
        with self._lock:
            self._again_at, self._missing = None, False
            self._backoff.reset()


class CannotBeSentError(ConductorError):
    """Encoding or sending a result ended in something else than an answer, or the lack of one."""


@dataclass(eq=False)
class Updater:
    """Sends the results of one task type. Thread-safe.

    stopping: once it is set, a waiting result is tried again at once. abandoned: once it is set, what is not accepted
    at its next attempt is given up. left_behind: set here when that happens.
    """

    client: TaskClient
    task_name: str
    _: KW_ONLY
    clock: Clock
    update_v2: UpdateV2
    stopping: threading.Event
    abandoned: threading.Event
    left_behind: threading.Event
    outbox: Outbox | None = None
    on_result_lost: OnResultLost | None = None

    def __post_init__(self) -> None:
        fails, works = "results are not accepted, and are sent again", "results are accepted again"
        self._trouble = Trouble(self.task_name, fails, works)
        self._in_hand: set[Parcel] = set()  # its operations are atomic: whoever takes a parcel out tells its end

    def give_up(self) -> set[str]:
        """Name what is still in hand as lost, without waiting for its answer. Returns the ids of its tasks."""
        parcels = self._in_hand.copy()
        for tell in [self._given_up(parcel) for parcel in parcels]:  # when all have been named
            tell()
        return {parcel.result.task_id for parcel in parcels}

    def send(self, parcel: Parcel) -> Delivery:
        """Blocks until the result is accepted, refused for good, discarded or given up."""
        try:
            return self._send(parcel)
        except Exception as error:
            _recording.uncaught.count_error(error)
            logger.exception("a bug kept a result from being sent", extra=self._about(parcel))
            return self._refused(parcel, CannotBeSentError(f"{type(error).__name__} while it was sent"))

    def _send(self, parcel: Parcel) -> Delivery:
        self._in_hand.add(parcel)
        if parcel.is_terminal and self.outbox is not None and not parcel.stored:
            parcel.stored = self.outbox.commit(self.task_name, parcel.result)
        backoff = Backoff()
        while True:
            try:
                delivery = self._attempt(parcel)
            except ConductorError as error:
                if not _is_transient(error):
                    return self._refused(parcel, error)
                if not self._wait(parcel, backoff, error):
                    self._given_up(parcel)()
                    return NOTHING
            else:
                if parcel.last_error is not None or self._in_hand == {parcel}:
                    self._trouble.over()
                if self._take(parcel):
                    if parcel.stored and self.outbox is not None:
                        self.outbox.delete(parcel.result)
                    parcel.tell()
                return delivery

    def _attempt(self, parcel: Parcel) -> Delivery:
        if parcel.last_error is not None and not parcel.is_terminal and not self._is_as_delivered(parcel):
            return NOTHING
        with parcel.attempt():
            if parcel.last_error is None and parcel.may_poll() and self.update_v2.may_be_tried():
                try:
                    delivery = self._timed(self.client.update_and_poll, parcel)
                except ConductorError as error:
                    if not says_update_and_poll_is_missing(error):
                        if _is_transient(error):
                            self.update_v2.unanswered()
                        else:  # the result is what it refused
                            self.update_v2.answered()
                        raise
                    if self.update_v2.found_missing():
                        logger.warning("the server has no update-v2, plain updates it is: %s", error)
                else:
                    self.update_v2.answered()
                    return delivery
            self._timed(self.client.update, parcel)
            return NOTHING

    def _is_as_delivered(self, parcel: Parcel) -> bool:
        """Whether the result has not arrived, and can still do: the task runs, and was not delivered again."""
        task = self.client.get_task(parcel.result.task_id)
        if (task.poll_count or 0) != parcel.poll_count or task.status == TaskStatus.SCHEDULED:
            return False
        if task.status != TaskStatus.IN_PROGRESS:
            status = "in a state that cannot be read" if task.status is None else printable(str(task.status), 100)
            self._lose(parcel, "discarded", ConductorError(f"the task is {status} by now"))()
        return task.status == TaskStatus.IN_PROGRESS

    def _timed(self, call: Callable[[TaskResult, float], T], parcel: Parcel) -> T:
        started = time.perf_counter()
        try:
            answer = call(parcel.result, parcel.patience)
        except ConductorError as error:
            _recording.update_finished(self.task_name, time.perf_counter() - started, error)
            raise
        _recording.update_finished(self.task_name, time.perf_counter() - started)
        return answer

    def _wait(self, parcel: Parcel, backoff: Backoff, error: ConductorError) -> bool:
        """Returns whether to try again."""
        is_first, parcel.last_error = parcel.last_error is None, error
        if not is_first:
            self._trouble.met(error)
        elif parcel.is_terminal and isinstance(error, TransportError):
            return True  # a kept connection may have ended just then; of a result that arrived nothing is lost
        parcel.patience = min(2 * parcel.patience, parcel.most_patience)
        if self.stopping.is_set() and not parcel.in_drain:
            parcel.in_drain = True
            backoff.reset()  # there is less time left than it would take
        left = parcel.keep_until() - self.clock.now()
        if left <= 0 or self.abandoned.is_set():
            return False
        wait = min(left, backoff.next(error.retry_after if isinstance(error, ApiError) else None))
        if parcel.in_drain:
            self.clock.wait(self.abandoned, min(wait, LONGEST_WAIT_IN_DRAIN))
        else:
            self.clock.wait(self.stopping, wait)
        return not self.abandoned.is_set()

    def _refused(self, parcel: Parcel, error: ConductorError) -> Delivery:
        gone = says_task_is_gone(error) or isinstance(error, ConflictError)
        tell = self._lose(parcel, "discarded" if gone else "refused", error)
        # Of IN_PROGRESS the failure of a bug does not tell whether it arrived, and the task runs elsewhere by now.
        is_unknown = isinstance(error, CannotBeSentError) and not parcel.is_terminal
        if gone or is_unknown or not parcel.produced:
            if parcel.stored and self.outbox is not None:
                self.outbox.delete(parcel.result)
            if not gone:
                self.left_behind.set()
            tell()
            return NOTHING
        if isinstance(error, CannotBeSentError):
            reason = f"the result cannot be sent: {error}"
        else:
            size = len(msgspec.json.encode(parcel.result))
            reason = f"the server refused the result, of {size} bytes of JSON: {error}"
        replacement = failed(
            parcel.result.task_id,
            parcel.result.workflow_instance_id,
            reason,
            TaskResultStatus.FAILED_WITH_TERMINAL_ERROR,
        )
        replacement.worker_id = parcel.result.worker_id
        parcel = replace(parcel, result=replacement, produced=False, stored=False, last_error=None, tell=tell)
        parcel.may_poll = bool  # for a next task would have to wait for on_result_lost
        return self.send(parcel)

    def _given_up(self, parcel: Parcel) -> Callable[[], object]:
        self.left_behind.set()
        error = parcel.last_error or ConductorError("no answer before the end of the drain")
        if not (parcel.stored and self.outbox is not None and self.outbox.holds(parcel.result)):
            return self._lose(parcel, "given up", error)
        if self._take(parcel):
            self._log(logging.WARNING, parcel, "stays in the outbox", error)
            return parcel.tell
        return bool

    def _lose(self, parcel: Parcel, how: str, error: ConductorError) -> Callable[[], object]:
        """Name a result as lost. Returns what tells on_result_lost, which may take its time."""
        if not self._take(parcel):
            return bool
        self._log(logging.WARNING if how == "discarded" else logging.ERROR, parcel, f"was {how}", error)
        if not parcel.produced:
            return parcel.tell
        _recording.results_lost.count(self.task_name, how)
        return partial(self._tell, parcel, error)

    def _tell(self, parcel: Parcel, error: ConductorError) -> None:
        if self.on_result_lost is None:
            return
        token = _telling.set(True)
        try:
            self.on_result_lost(parcel.result, error)
        except BaseException:
            logger.exception("on_result_lost failed", extra=self._about(parcel))
        finally:
            _telling.reset(token)

    def _take(self, parcel: Parcel) -> bool:
        """Whether the end of this parcel is the caller's to tell."""
        try:
            self._in_hand.remove(parcel)
        except KeyError:
            return False
        parcel.last_error = None  # whose frames hold the parcel: they would keep each other, and a connection, alive
        return True

    def _log(self, level: int, parcel: Parcel, fate: str, error: ConductorError) -> None:
        line, status = "%s: the %s result %s: %s", parcel.result.status
        logger.log(level, line, self.task_name, status, fate, error, extra=self._about(parcel))

    def _about(self, parcel: Parcel) -> dict[str, object]:
        return about(self.task_name, parcel.result, parcel.retry_count)


def _is_transient(error: ConductorError) -> bool:
    """Whether the same result can be accepted later: no answer, a server's or a gateway's trouble, a refused token."""
    if not isinstance(error, ApiError) or isinstance(error, RateLimitedError | AuthenticationError):
        return True
    if isinstance(error, ServerError):  # any other one may be a database that is away: retryable=false there too
        return not error.message.startswith("JSON parse error")
    if error.status == 404:
        return not says_task_is_gone(error)
    return not (error.conductor or error.status in FINAL)  # it comes from something in between, as a redirect does
