"""Faults that a test orders: ``server.faults`` of a DevServer. They show how a worker copes with them.

An operation is "poll" (one task or a batch), "update" (each request that brings a result: POST /tasks and
POST /tasks/update-v2, which a TaskRunner sends first), "update_v2" (POST /tasks/update-v2 alone), "token", or a method
and a path as in the OpenAPI document, with or without /api: "GET /tasks/{taskId}". Each fault applies to the next
``times`` requests of its operation that reach the server, in the order of the calls that ordered the faults:

==============  =======================================================================================
outage          every connection is cut, and new ones are closed before a request is read
drop_before     the connection is closed before the request has any effect
delay           the request waits (in real time) before it has any effect; then the others may apply
status          the request has no effect and gets this answer
drop_after      the request has its effect, and the connection is closed instead of an answer
duplicate       a delivered task is delivered once more, in the same answer if that has room, else with
                the next poll
==============  =======================================================================================
"""

from __future__ import annotations

import json
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from conductor._arguments import Duration, seconds as in_seconds
from conductor.testing.server.operations import FaultKind, Operation
from conductor.testing.server.routes import TOKEN
from conductor.testing.server.routes.tasks import BATCH_POLL, POLL, UPDATE, UPDATE_V2

NAMES = {"poll": (POLL, BATCH_POLL), "update": (UPDATE, UPDATE_V2), "update_v2": (UPDATE_V2,), "token": (TOKEN,)}

_Queue = tuple[str, str | None]  # task type and domain


@dataclass
class _Fault:
    kind: FaultKind
    operations: tuple[str, ...]
    times: int
    seconds: float = 0.0
    answer: tuple[int, bytes | None, Mapping[str, str]] = (0, None, {})


@dataclass(frozen=True)
class Plan:
    """The faults of one request. answer: the status, the body (None: Conductor's error) and the headers to send."""

    seconds: float = 0.0
    drop_before: bool = False
    drop_after: bool = False
    answer: tuple[int, bytes | None, Mapping[str, str]] | None = None


NOTHING = Plan()


class Outage:
    """An outage. It lasts until its time is over, until ``end()``, or until the end of its ``with`` block."""

    def __init__(self, end: Callable[[Outage], None]) -> None:
        self._end = end

    def end(self) -> None:
        """End the outage. The server can be reached again, unless there is another one. Repeating it has no effect."""
        self._end(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.end()


class Faults:
    """Orders faults, and counts them: see the top of this module. Thread-safe. No fault depends on chance.

    ``seen`` counts requests, ``injected`` counts faults that took place, and ``clear`` removes the others.
    """

    def __init__(self, operations: Iterable[str], now: Callable[[], float], cut: Callable[[], None]) -> None:
        self._operations = frozenset(operations)
        self._now = now
        self._cut = cut
        self._lock = threading.Lock()  # guards everything below
        self._faults: list[_Fault] = []
        self._duplicates: Counter[str] = Counter()
        self._copies: defaultdict[_Queue, deque[dict[str, Any]]] = defaultdict(deque)
        self._outages: dict[Outage, float | None] = {}
        self._seen: Counter[str] = Counter()
        self._injected: Counter[str] = Counter()

    def status(
        self,
        operation: Operation,
        code: int,
        times: int = 1,
        body: str | bytes | Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer with a status. body: a mapping is sent as JSON. None: Conductor's error JSON."""
        if not isinstance(code, int) or not 200 <= code <= 599:
            raise ValueError(f"code must be an HTTP status from 200 to 599, not {code!r}")
        content = json.dumps(dict(body)) if isinstance(body, Mapping) else body
        encoded = content.encode() if isinstance(content, str) else content
        self._order("status", operation, times, answer=(code, encoded, dict(headers or {})))

    def drop_before(self, operation: Operation, times: int = 1) -> None:
        """Close the connection. The request has no effect."""
        self._order("drop_before", operation, times)

    def drop_after(self, operation: Operation, times: int = 1) -> None:
        """Close the connection instead of answering. The request has its effect."""
        self._order("drop_after", operation, times)

    def delay(self, operation: Operation, seconds: Duration, times: int = 1) -> None:
        """Wait before the request has any effect, or until the server stops. seconds: a number or a timedelta."""
        self._order("delay", operation, times, seconds=in_seconds("seconds", seconds))

    def duplicate(self, task_type: str, times: int = 1) -> None:
        """Deliver the next ``times`` tasks of a type twice."""
        with self._lock:
            self._duplicates[task_type] += _positive(times)

    def outage(self, seconds: Duration | None = None) -> Outage:
        """Begin an outage at once.

        seconds: a number or a timedelta, on the server's clock, so ``clock.advance`` ends the outage too. None: until
            the returned Outage ends.
        """
        until = None if seconds is None else self._now() + in_seconds("seconds", seconds)
        outage = Outage(self._end_outage)
        with self._lock:
            self._outages[outage] = until
            self._injected["outage"] += 1
        self._cut()
        return outage

    def clear(self) -> None:
        """Remove all faults that have not taken place, and end all outages."""
        with self._lock:
            self._faults.clear()
            self._duplicates.clear()
            self._copies.clear()
            self._outages.clear()

    def seen(self, operation: Operation) -> int:
        """The number of requests of an operation that have reached the server, also of those that met a fault."""
        with self._lock:
            return sum(self._seen[each] for each in self._resolved(operation))

    def injected(self, kind: FaultKind | None = None) -> int:
        """The number of faults of a kind, or of all kinds, that have taken place."""
        with self._lock:
            return self._injected.total() if kind is None else self._injected[kind]

    def out(self) -> bool:
        """Whether there is an outage now."""
        if not self._outages:  # the usual case, without the lock
            return False
        with self._lock:
            for outage, until in list(self._outages.items()):
                if until is not None and until <= self._now():
                    del self._outages[outage]
            return bool(self._outages)

    def plan(self, operation: str) -> Plan:
        """The faults of this request. They count as taken place."""
        with self._lock:
            self._seen[operation] += 1
            if not self._faults:
                return NOTHING
            if self._take("drop_before", operation):
                return Plan(drop_before=True)
            delay = self._take("delay", operation)
            seconds = delay.seconds if delay else 0.0
            status = self._take("status", operation)
            if status:
                return Plan(seconds, answer=status.answer)
            return Plan(seconds, drop_after=self._take("drop_after", operation) is not None)

    def copies(self, task_type: str, domain: str | None, count: int) -> list[dict[str, Any]]:
        """The copies to add to an answer to a poll for up to ``count`` tasks."""
        if not self._copies:  # the usual case, without the lock
            return []
        with self._lock:
            due = self._copies[task_type, domain]
            return [due.popleft() for _ in range(min(count, len(due)))]

    def deliver(self, task_type: str, tasks: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
        """The tasks of an answer, with their copies if the poll asked for more tasks."""
        if not self._duplicates:
            return tasks
        with self._lock:
            delivered = list(tasks)
            for task in tasks:
                if self._duplicates[task_type]:
                    self._duplicates[task_type] -= 1
                    self._injected["duplicate"] += 1
                    if len(delivered) < count:
                        delivered.append(task)
                    else:
                        self._copies[task_type, task.get("domain")].append(task)
            return delivered

    def _order(self, kind: FaultKind, operation: str, times: int, **more: Any) -> None:
        fault = _Fault(kind, self._resolved(operation), _positive(times), **more)
        with self._lock:
            self._faults.append(fault)

    def _resolved(self, operation: str) -> tuple[str, ...]:
        if operation in NAMES:
            return NAMES[operation]
        method, _, path = operation.partition(" ")
        for candidate in (operation, f"{method} /api{path}"):
            if candidate in self._operations:
                return (candidate,)
        raise ValueError(f"operation must be {', '.join(NAMES)} or a METHOD /path/template, not {operation!r}")

    def _take(self, kind: FaultKind, operation: str) -> _Fault | None:
        for fault in self._faults:
            if fault.kind == kind and operation in fault.operations:
                fault.times -= 1
                if not fault.times:
                    self._faults.remove(fault)
                self._injected[kind] += 1
                return fault
        return None

    def _end_outage(self, outage: Outage) -> None:
        with self._lock:
            self._outages.pop(outage, None)


def _positive(times: int) -> int:
    if isinstance(times, bool) or not isinstance(times, int) or times < 1:
        raise ValueError(f"times must be a whole number of 1 or more, not {times!r}")
    return times
