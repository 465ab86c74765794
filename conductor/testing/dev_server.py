"""A Conductor server inside a test or a development session: ``with DevServer() as server: server.url``."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from types import TracebackType
from typing import Literal, Protocol, Self, runtime_checkable

from conductor._arguments import Duration, require_instance, seconds, whole_number
from conductor.errors import ConfigurationError
from conductor.testing.engine import Engine
from conductor.testing.engine.state.clock import Clock, LiveClock
from conductor.testing.engine.state.payloads import PayloadOptions
from conductor.testing.engine.tasks.stubs import Stub, Stubs
from conductor.testing.server.chaos import Chaos
from conductor.testing.server.faults import Faults
from conductor.testing.server.guard import ANY_NAME, Guard, is_host, is_loopback
from conductor.testing.server.page_routes import page_routes
from conductor.testing.server.payload_storage import READ_PAYLOAD, WRITE_PAYLOAD, SignedUrls, storage_routes
from conductor.testing.server.router import Router
from conductor.testing.server.routes import OPERATIONS, TOKEN
from conductor.testing.server.routes.route import Route
from conductor.testing.server.running import Running, TaskFailed, UnresolvedInput, origin_of
from conductor.testing.server.tokens import AccessKey, Tokens

__all__ = ["DevServer", "TaskFailed", "UnresolvedInput"]

logger = logging.getLogger(__name__)

LARGEST_THRESHOLD = 10_240 * 1024
"""Bytes. The server fails a task or a workflow whose payload is larger."""
FORMS_OF_V2 = (True, "404", "405", "500")


@runtime_checkable
class MovableClock(Clock, Protocol):
    """A clock that tests can put forward."""

    def advance(self, seconds: Duration) -> None: ...


class DevServer:
    """An embedded Conductor server. A context manager; ``start`` and ``stop`` do the same, and may be repeated.

    port: 0 takes a free port. A later ``start`` takes the same one.
    host: the address to listen on. By default only this machine can connect. The server takes only requests for its own
        address, and none that a browser sends for a page of another server.
    names: further host names under which clients reach it, for example that of a container. ["*"] takes every name: use
        it only with a key, or where no browser runs.
    db: the path of a file that keeps everything after the end of the process. By default everything is in memory.
    clock: a clock in place of a ``LiveClock``.
    key: an AuthenticationSettings. Then calls need a token, which POST /token gives out.
    token_seconds: the time for which a token is valid.
    hold_until_count: long polls wait for as many tasks as they ask for, as servers on SQL databases do.
    update_v2: "404", "405" or "500" is the answer of servers that do not have update-v2.
    retention: the number of ended workflows that are kept.
    payload_storage: clients can use the external storage, which is on the same port. Without it they get no address, as
        with the default storage of a server.
    task_payload_threshold, workflow_payload_threshold: inputs and outputs of more bytes are moved to the storage.
    page_actions: False takes away what people can do on the page, such as to start a workflow. It then only shows.
    stubs: answers in place of tasks, by reference name, task name or type: an output, or a function that gets a copy of
        the input and returns the output. So a workflow runs here with tasks that this server does not run, or without a
        worker. An error of the function fails the task. The function must return at once, and not call this server.
    strict_inputs: an expression without a value in the input of a task fails its workflow, with a reason that names the
        task, the parameter, the expression and the values that there were. The call that starts the workflow, or
        ``join``, raises. A server gives the task a null.
    chaos: a seed, from 0. It decides about faults that meet workers: tasks that are delivered twice, lost answers,
        leases that run out, delays, moments in which the server takes nothing. A worker whose functions may run twice
        gets over all of them. The text of an error that leaves the ``with`` block names the seed and the faults.
    ConfigurationError: an argument cannot work.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        db: str | os.PathLike[str] = ":memory:",
        clock: MovableClock | None = None,
        key: AccessKey | None = None,
        names: Collection[str] = (),
        token_seconds: Duration = 3600.0,
        hold_until_count: bool = False,
        update_v2: bool | Literal["404", "405", "500"] = True,
        retention: int = 10_000,
        payload_storage: bool = False,
        task_payload_threshold: int = 3072 * 1024,
        workflow_payload_threshold: int = 5120 * 1024,
        stubs: Mapping[str, Stub] | None = None,
        page_actions: bool = True,
        strict_inputs: bool = False,
        chaos: int | None = None,
    ) -> None:
        for name, value in {
            "hold_until_count": hold_until_count,
            "payload_storage": payload_storage,
            "page_actions": page_actions,
            "strict_inputs": strict_inputs,
        }.items():
            require_instance(name, value, bool, "True or False")
        require_instance("db", db, str | os.PathLike, "the path of a file")
        require_instance("clock", clock, MovableClock | None, "a clock")
        require_instance("stubs", stubs, Mapping | None, "a mapping of names to outputs or functions")
        _require("host", host, is_host(host), "a host name or an address")
        _require("names", names, _are_hosts(names), "a list of host names, without ports")
        _require("update_v2", update_v2, update_v2 is True or update_v2 in FORMS_OF_V2[1:], f"one of {FORMS_OF_V2}")
        self._host = host
        self._port = whole_number("port", port, 0, 65535)
        self._update_v2 = update_v2
        self.clock: MovableClock = LiveClock() if clock is None else clock
        self.faults = Faults(OPERATIONS | {READ_PAYLOAD, WRITE_PAYLOAD}, self.clock.now, self._cut_connections)
        self.chaos = None if chaos is None else Chaos(whole_number("chaos", chaos, 0))
        self._tokens = _tokens(key, token_seconds, self.clock)
        self._guard = Guard(host, names, self._tokens)
        self._routes = list(_routes(self._tokens, page_actions=page_actions, payload_storage=payload_storage))
        self._new_engine = partial(
            Engine,
            self.clock,
            os.fspath(db),
            hold_until_count=hold_until_count,
            retention=whole_number("retention", retention, 1),
            payload_options=_payload_options(payload_storage, task_payload_threshold, workflow_payload_threshold),
            stubs=Stubs(stubs),
            strict_inputs=strict_inputs,
        )
        self._lock = threading.Lock()  # guards _running, so that start and stop do not overlap
        self._running: Running | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if error is not None and self.chaos is not None:
            self.chaos.add_to(error)
        self.stop()

    @property
    def url(self) -> str:
        """The URL for clients: http://127.0.0.1:PORT/api. The page for the browser is at http://127.0.0.1:PORT/."""
        return f"{origin_of(self._host, self._port)}/api"

    def start(self) -> Self:
        """Start to serve. Requests are answered when this method returns. OSError: the port is taken."""
        with self._lock:
            if self._running is None:
                self._running = self._run()
                self._port = self._running.http.address[1]
                if self._tokens is None and not is_loopback(self._host):
                    logger.warning("other machines can use %s: no key is asked for", self.url)
        return self

    def stop(self) -> None:
        """Finish the requests that are being answered, then end all threads and connections."""
        with self._lock:
            running, self._running = self._running, None
            if running is not None:
                running.close()

    def join(self, timeout: Duration = 10.0) -> None:
        """Wait until no task is queued or running, and no workflow has anything to do.

        timeout: in real time, seconds or timedelta.
        TaskFailed: a task has failed for good since the last ``join``. UnresolvedInput: with ``strict_inputs``, an
        expression had no value. TimeoutError: a task is still open; the text names it.
        A task that waits, for example for its retry, is open: ``clock.advance`` makes it due.
        """
        longest = seconds("timeout", timeout)
        running = self._running
        if running is None:
            raise RuntimeError("the server is not running")
        try:
            running.join(longest)
        except (TaskFailed, TimeoutError, UnresolvedInput) as error:
            if self.chaos is not None:
                self.chaos.add_to(error)
            raise

    def _run(self) -> Running:
        engine = self._new_engine()
        try:
            router = Router(engine, self.faults, self._update_v2, self.chaos)
            for route in self._routes:
                router.add(route)
            return Running(engine, self.faults, router, self._guard, (self._host, self._port))
        except BaseException:
            engine.close()
            raise

    def _cut_connections(self) -> None:
        if self._running is not None:
            self._running.http.drop_connections()


def _tokens(key: AccessKey | None, token_seconds: Duration, clock: Clock) -> Tokens | None:
    if not isinstance(key, AccessKey | None):
        raise ConfigurationError(f"key must be an AuthenticationSettings, not a {type(key).__name__}")
    good_for = seconds("token_seconds", token_seconds)
    return None if key is None else Tokens(key, good_for, clock.now)


def _payload_options(
    payload_storage: bool, task_payload_threshold: int, workflow_payload_threshold: int
) -> PayloadOptions:
    return PayloadOptions(
        whole_number("task_payload_threshold", task_payload_threshold, 1, LARGEST_THRESHOLD),
        whole_number("workflow_payload_threshold", workflow_payload_threshold, 1, LARGEST_THRESHOLD),
        SignedUrls() if payload_storage else None,
    )


def _routes(tokens: Tokens | None, *, page_actions: bool, payload_storage: bool) -> Iterator[Route]:
    """The routes that depend on the arguments of the server."""
    yield from page_routes(page_actions)
    if tokens is not None:
        exchange = tokens.exchange
        yield Route(TOKEN, lambda _, request: exchange(request), (), "map", lambda answer: answer)
    if payload_storage:
        yield from storage_routes()


def _are_hosts(names: object) -> bool:
    if not isinstance(names, Collection) or isinstance(names, str):
        return False
    return all(name == ANY_NAME or is_host(name) for name in names)


def _require(name: str, value: object, works: bool, description: str) -> None:
    if not works:
        raise ConfigurationError(f"{name} must be {description}, not {value!r}")
