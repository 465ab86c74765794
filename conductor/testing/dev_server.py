"""A Conductor server inside a test or a development session: ``with DevServer() as server: server.url``."""

from __future__ import annotations

import logging
import os
import threading
import time
from types import TracebackType
from typing import Any, Literal, Protocol, Self

from conductor.errors import ConfigurationError
from conductor.settings import Duration, seconds
from conductor.testing.answers import error
from conductor.testing.clock import Clock, LiveClock
from conductor.testing.engine import Engine
from conductor.testing.faults import NOTHING, Faults, Plan
from conductor.testing.http_server import HttpServer
from conductor.testing.http_wire import Request, Response
from conductor.testing.router import Found, Router
from conductor.testing.routes import OPERATIONS, TOKEN, Route
from conductor.testing.tokens import AccessKey, Tokens

logger = logging.getLogger(__name__)

TICK = 0.02  # seconds: under load the sweeper looks no more often than that
REST = 4  # times as long as a sweep took: a workflow without an end leaves most of the machine to the others
STOP_WITHIN = 2.0  # seconds for a sweep that is under way when the server stops
MOST_LISTED = 20  # open tasks in the text of an error
FAILED = "status IN (FAILED,FAILED_WITH_TERMINAL_ERROR,TIMED_OUT)"
LONGEST_SLEEP = 3600.0  # seconds, well below what the system can wait for
FORMS_OF_V2 = (True, "404", "405", "500")


class MovableClock(Clock, Protocol):
    """A clock that tests put ahead."""

    def advance(self, seconds: Duration) -> None: ...


class TaskFailed(Exception):  # noqa: N818 - the agreed name
    """A task ended FAILED, FAILED_WITH_TERMINAL_ERROR or TIMED_OUT, and no retry follows it."""

    def __init__(self, task: dict[str, Any], log: list[str]) -> None:
        self.task = task
        """The task as ``GET /tasks/{taskId}`` gives it."""
        self.reason: str = task.get("reasonForIncompletion") or ""
        self.log = log
        name, task_id = task.get("taskDefName"), task.get("taskId")
        lines = [f"{name} ended {task.get('status')}: {self.reason or 'no reason given'} (task_id={task_id!r})", *log]
        super().__init__("\n".join(lines))


class DevServer:
    """An embedded Conductor server. A context manager; ``start`` and ``stop`` do the same by hand, and may be repeated.

    port: 0 takes a free one, which a later ``start`` takes again. host: other machines can connect only if you say so.
    db: a file keeps everything over a restart. clock: instead of a ``LiveClock``. key: an AuthenticationSettings;
    calls then need a token of POST /token, good for token_seconds. hold_until_count: long polls wait for as many tasks
    as they ask for, as servers on SQL databases do. update_v2: "404", "405" or "500" imitate the servers that do not
    have it. retention: how many finished workflows are kept. ConfigurationError for what cannot work.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        db: str | os.PathLike[str] = ":memory:",
        clock: MovableClock | None = None,
        key: AccessKey | None = None,
        token_seconds: Duration = 3600.0,
        hold_until_count: bool = False,
        update_v2: bool | Literal["404", "405", "500"] = True,
        retention: int = 10_000,
    ) -> None:
        for name, value, works, description in (
            ("port", port, _is_whole(port) and 0 <= port <= 65535, "a whole number from 0 to 65535"),
            ("host", host, _is_host(host), "a host name or an address"),
            ("retention", retention, _is_whole(retention) and retention > 0, "a whole number of 1 or more"),
            ("update_v2", update_v2, update_v2 in FORMS_OF_V2, f"one of {FORMS_OF_V2}"),
        ):
            if not works:
                raise ConfigurationError(f"{name} must be {description}, not {value!r}")
        if not isinstance(key, AccessKey | None):
            raise ConfigurationError(f"key must be an AuthenticationSettings, not a {type(key).__name__}")
        self._host = host
        self._port = port
        self._db = os.fspath(db)
        self.clock: MovableClock = LiveClock() if clock is None else clock
        self.faults = Faults(OPERATIONS, self.clock.now, self._cut_connections)
        good_for = seconds("token_seconds", token_seconds)
        self._tokens = Tokens(key, good_for, self.clock.now) if key is not None else None
        self._hold_until_count = hold_until_count
        self._update_v2 = update_v2
        self._retention = retention
        self._lock = threading.Lock()  # guards _running, so that start and stop do not overlap
        self._running: _Running | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """What a client needs: http://127.0.0.1:PORT/api. The page for the browser is one up, at /."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104 - to be told apart
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self._port}/api"

    def start(self) -> Self:
        """Serve, from the moment this returns on. OSError when the port is taken."""
        with self._lock:
            if self._running is None:
                engine = Engine(
                    self.clock, self._db, hold_until_count=self._hold_until_count, retention=self._retention
                )
                try:
                    self._running = _Running(self, engine, (self._host, self._port))
                except BaseException:
                    engine.close()
                    raise
                self._port = self._running.http.address[1]
        return self

    def stop(self) -> None:
        """Finish the requests that are being answered, then end all threads and connections."""
        with self._lock:
            running, self._running = self._running, None
            if running is not None:
                running.close()

    def join(self, timeout: Duration = 10.0) -> None:
        """Wait until no task is queued or running and every workflow is at rest.

        TaskFailed when a task has failed for good since the last join; TimeoutError names what is still open.
        timeout: in real time, seconds or timedelta. A task that waits, e.g. for its retry, is open: ``clock.advance``
        makes it due.
        """
        longest = seconds("timeout", timeout)
        running = self._running
        if running is None:
            raise RuntimeError("the server is not running")
        running.join(longest)

    def _make_router(self, engine: Engine) -> Router:
        router = Router(engine, self.faults, self._update_v2)
        if self._tokens is not None:
            exchange = self._tokens.exchange
            router.add(Route(TOKEN, lambda _, request: exchange(request), (), "map", lambda answer: answer))
        return router

    def _cut_connections(self) -> None:
        if self._running is not None:
            self._running.http.drop_connections()


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_host(value: object) -> bool:
    try:
        return isinstance(value, str) and value.isprintable() and " " not in value and bool(value.encode("idna"))
    except UnicodeError:  # which a socket would turn into a TypeError
        return False


class _Running:
    """What exists between start and stop."""

    def __init__(self, server: DevServer, engine: Engine, address: tuple[str, int]) -> None:
        self._engine = engine
        self._clock = server.clock
        self._faults = server.faults
        self._tokens = server._tokens  # noqa: SLF001 - two halves of one
        self._router = server._make_router(engine)  # noqa: SLF001
        self._stopping = threading.Event()
        self._busy = threading.Event()  # something may have changed since the sweeper last looked
        self._looked = threading.Condition()  # notified each time the sweeper has looked; guards _reported
        self._reported: set[str] = set()
        self._started = self._clock.now() * 1000
        self.http = HttpServer(*address, self._handle, "conductor-dev-server")
        self._sweeper = threading.Thread(target=self._sweep_until_stopped, name="conductor-dev-sweeper", daemon=True)
        self._clock.listen(self._busy.set)  # the engine itself does what a jump makes due
        self._sweeper.start()
        self.http.start()

    def close(self) -> None:
        self._clock.unlisten(self._busy.set)
        self._stopping.set()
        self._busy.set()
        self._sweeper.join()
        self.http.refuse()
        self._engine.close()
        self.http.stop()

    def join(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while True:
            with self._looked:
                open_work = self._engine.open_work()
                left = deadline - time.monotonic()
                if not open_work or left <= 0 or self._stopping.is_set():
                    break
                self._looked.wait(left)
        self._raise_failure()
        if open_work:
            listed = "; ".join(_described(each, self._clock.now()) for each in open_work[:MOST_LISTED])
            raise TimeoutError(f"still open after {timeout:g} s ({len(open_work)}): {listed}")

    def _raise_failure(self) -> None:
        for task_id in self._failed():
            with self._looked:
                is_new = task_id not in self._reported
                self._reported.add(task_id)
            task = self._engine.get_task(task_id)
            if is_new and not task.get("retried") and task.get("endTime", 0) >= self._started:
                raise TaskFailed(task, [entry["log"] for entry in self._engine.get_logs(task_id)])

    def _failed(self) -> list[str]:
        """Every task that failed, the first first: its retry may still be to come."""
        found = self._engine.search_tasks(FAILED, "*", 0, 10**6, "updateTime:ASC")
        return [summary["taskId"] for summary in found["results"]]

    def _handle(self, request: Request) -> Response | None:
        if self._faults.out():
            return None
        path = request.target.partition("?")[0]
        found = self._router.find(request.method, path)
        if isinstance(found, Response):
            return self._refusal(request, path) or found
        plan = self._faults.plan(found.route.operation)
        if plan is not NOTHING and not self._goes_on(plan):
            return _injected(plan)
        response = self._refusal(request, path) or self._answer(found, request)
        return None if plan.drop_after else response

    def _answer(self, found: Found, request: Request) -> Response:
        response = self._router.answer(found, request)
        if not self._busy.is_set():
            self._busy.set()
        return response

    def _goes_on(self, plan: Plan) -> bool:
        if plan.seconds:
            self._stopping.wait(plan.seconds)
        return not plan.drop_before and plan.answer is None

    def _refusal(self, request: Request, path: str) -> Response | None:
        if self._tokens is None or not path.startswith("/api/") or path == "/api/token":
            return None
        return self._tokens.refusal(request.headers.get("x-authorization"))

    def _sweep_until_stopped(self) -> None:
        while not self._stopping.is_set():
            self._busy.clear()
            started = time.monotonic()
            self._sweep()
            with self._looked:
                self._looked.notify_all()
            rest = max(TICK, REST * (time.monotonic() - started))
            if self._busy.wait(self._seconds_until_due(rest)):
                self._stopping.wait(rest)
        with self._looked:
            self._looked.notify_all()

    def _seconds_until_due(self, at_least: float) -> float:
        due = self._engine.next_due()
        wait = None if due is None else self._clock.real_seconds_until(due)
        return LONGEST_SLEEP if wait is None else min(max(wait, at_least), LONGEST_SLEEP)

    def _sweep(self) -> None:
        try:
            self._engine.sweep()
        except Exception:
            logger.exception("the dev server's sweep failed")


def _described(task: dict[str, Any], now: float) -> str:
    """An open task, for the text of an error."""
    wait = task.get("visibleTime", 0) / 1000 - now
    later = f" for {wait:.0f} s more" if wait > 1 else ""
    return f"{task.get('taskDefName')} {task.get('status')}{later} (task_id={task.get('taskId')!r})"


def _injected(plan: Plan) -> Response | None:
    if plan.answer is None:
        return None
    status, body, headers = plan.answer
    if body is None:
        response = error(status, "injected by server.faults")
        response.headers = headers
        return response
    media_type = "application/json" if body[:1] in (b"{", b"[") else "text/html;charset=UTF-8"
    return Response(status, body, media_type, headers)
