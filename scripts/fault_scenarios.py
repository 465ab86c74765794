"""The faults that fault_report.py puts a worker through. Each strikes by count, so that each run is the same."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fault_lab import Behave, Lab, Scenario, echo, note_execution

from conductor import NonRetryableError, Task, TaskResult, TaskResultStatus, task_context
from support.raw_faults import (
    Answer,
    ChunkedAbort,
    Close,
    CloseAfterAnswer,
    Delay,
    Down,
    Drip,
    Edit,
    GzipBomb,
    HalfOpen,
    Html,
    Http10Cut,
    Huge,
    Raw,
    Redirect,
    Request,
    Reset,
    Status,
    Truncate,
    conductor_error,
)

BEFORE, AFTER = "before it is done", "after it is done"
"""In a fault's name: the server does what it was asked to do, or not. If so, the tasks in the answer may be lost."""
SLOW = 0.4
"""Real seconds that a client waits for an answer which does not come in time."""


def at_polls(name: str, action: Any, every: int = 5, **more: Any) -> Scenario:
    when = {"every": every} | {key: more.pop(key) for key in ("times", "only") if key in more}
    return Scenario(f"poll: {name}", (("poll", action, when),), by_polls=True, **{"ends_leases": AFTER in name} | more)


def at_updates(name: str, action: Any, every: int = 10, operation: str = "update_v2", **more: Any) -> Scenario:
    """Most results go by update-v2. In a scenario by_polls it brings no task, so that no answer can destroy one."""
    when = {"every": every} | {key: more.pop(key) for key in ("times", "only", "at") if key in more}
    kind = {"update_v2": "update-v2", "update": "plain update"}.get(operation, operation)
    return Scenario(f"{kind}: {name}", ((operation, action, when),), **{"ends_leases": AFTER in name} | more)


def at_plain_updates(name: str, action: Any, every: int = 10, **more: Any) -> Scenario:
    """On a server without update-v2."""
    scenario = at_updates(name, action, every, "update", **more)
    scenario = replace(scenario, ends_leases=False)  # the answer holds no task
    return replace(scenario, strikes=(("update_v2", conductor_error(405, "not supported"), {}), *scenario.strikes))


def slow_at_polls(name: str, action: Any) -> Scenario:
    settings = {"worker": {"poll_timeout": 0.05}, "ends_leases": BEFORE not in name}
    return at_polls(name, action, 10, times=6, read_timeout=SLOW, **settings)


def slow_at_updates(name: str, action: Any) -> Scenario:
    return at_updates(name, action, 40, read_timeout=SLOW, ends_leases=BEFORE not in name)


def in_function(name: str, action: Behave, every: int = 20, **more: Any) -> Scenario:
    """What the worker function does at every so-manieth task."""

    def behave(task: Task, lab: Lab) -> Any:
        if task.input_data["n"] % every:
            return echo(task, lab)
        lab.struck.append(task.task_id)
        return action(task, lab)

    return Scenario(f"function: {name}", behave=behave, **more)


# Actions that are more than one of the server's standard faults


def more_than_asked(exchange: Any) -> None:
    asked = int(exchange.request.query["count"])
    exchange.send(Answer(body=exchange.server.poll("t", number=asked + 5)))


def late_copies() -> Callable[[Any], None]:
    """Each task a second time, at the end of the answer."""
    return Edit(lambda tasks: [*tasks, *tasks])


def changed(**members: Any) -> Callable[[Any], None]:
    """Every task of the answer with other members."""
    return Edit(lambda tasks: [{**task, **members} for task in tasks])


def one_odd(**members: Any) -> Callable[[Any], None]:
    """A task that is none, before the others."""
    return Edit(lambda tasks: [members, *tasks] if tasks else tasks)


def garbled(start: bytes = b"", cut: int = 0) -> Callable[[Any], None]:
    """The answer's bytes with others before them, or the last ones missing; the lengths are right."""

    def act(exchange: Any) -> None:
        content = exchange.apply().content
        exchange.send(Answer(body=start + content[: len(content) - cut]))

    return act


def expire_tokens(exchange: Any) -> None:
    exchange.server.expire_tokens()
    exchange.send(exchange.apply())


def is_completed(request: Request) -> bool:
    """Not the failure that replaces a refused result."""
    return request.json().get("status") == "COMPLETED"


def is_put_off(request: Request) -> bool:
    return request.json().get("status") == "IN_PROGRESS"


class TwoOfThree:
    """True for the first two of every three requests of each task."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def __call__(self, request: Request) -> bool:
        task_id = request.json()["taskId"]
        self._seen[task_id] += 1
        return self._seen[task_id] % 3 != 0


def retry_after(status: int, seconds: int) -> Status:
    return Status(status, headers={"Retry-After": str(seconds)})


# Worker functions


def fail(error: BaseException) -> Behave:
    def act(_task: Task, _lab: Lab) -> None:
        raise error

    return act


def later(callback_after_seconds: float = 0) -> Behave:
    """Put the task off the first time."""

    def act(task: Task, lab: Lab) -> Any:
        if task.poll_count != 1:
            return echo(task, lab)
        result = TaskResult.from_task(task)
        result.status = TaskResultStatus.IN_PROGRESS
        result.callback_after_seconds = callback_after_seconds
        return result

    return act


def hang(_task: Task, _lab: Lab) -> None:
    task_context().lost.wait()


def take(seconds: float) -> Behave:
    def act(task: Task, lab: Lab) -> Any:
        lab.clock.sleep(seconds)
        return echo(task, lab)

    return act


def large(task: Task, lab: Lab) -> Any:
    return echo(task, lab) | {"text": "x" * 2_000_000}


def unsendable(task: Task, lab: Lab) -> Any:
    return echo(task, lab) | {"number": float("nan")}


def recurse(task: Task, lab: Lab) -> Any:
    return recurse(task, lab)


def change_input(task: Task, lab: Lab) -> Any:
    output = echo(task, lab)
    task.input_data.clear()
    task.task_id = "another"
    return output


def cancel(task: Task, lab: Lab) -> Any:
    lab.gone.append(task.task_id)
    lab.server.cancel(task.task_id)
    return echo(task, lab)


def forget(task: Task, lab: Lab) -> Any:
    lab.gone.append(task.task_id)
    lab.server.forget(task.task_id)
    return echo(task, lab)


def expire(task: Task, lab: Lab) -> Any:
    if task.retried_task_id is None:
        lab.server.expire(task.task_id)
    return echo(task, lab)


def leak(task: Task, lab: Lab) -> Any:
    threading.Thread(target=lab.server.stopping.wait, daemon=True).start()
    return echo(task, lab)


def die(task: Task) -> dict[str, Any]:
    """In a process, which ends with every 400th task."""
    strikes = task.input_data["n"] % 400 == 0
    note_execution(task, strikes)
    if strikes:
        os._exit(3)
    return {"n": task.input_data["n"]}


MISSING_ROUTE = Status(404, {"timestamp": "now", "status": 404, "error": "Not Found", "path": "/api/tasks/update-v2"})
LONG = {"lease": 30, "speed": 10.0, "batch_size": 30, "worker": {"lease_extension": True}}
"""For tasks that are longer than their leases."""

NETWORK = [
    at_polls("down for a moment", Down(0.03), 10, times=10),
    at_polls(f"the server restarts {AFTER}", Down(0.03, after_effect=True), 10, times=10),
    at_polls(f"reset {BEFORE}", Reset()),
    at_polls(f"reset {AFTER}", Reset(after_effect=True)),
    at_polls(f"FIN {AFTER}", Close(after_effect=True)),
    at_polls("body cut short", Truncate(20), ends_leases=True),
    at_polls("chunks that break off", ChunkedAbort(), ends_leases=True),
    at_polls("HTTP/1.0 body cut short", Http10Cut(), ends_leases=True),
    at_polls("no HTTP", Raw(b"\x16\x03\x01\x02\x00\x01\x00")),
    slow_at_polls(f"half-open {BEFORE}", HalfOpen()),
    slow_at_polls(f"half-open {AFTER}", HalfOpen(after_effect=True)),
    slow_at_polls("slow headers", Delay(2 * SLOW, after_effect=True)),
    slow_at_polls("a body that drips", Drip(50)),
    at_updates("down for a moment", Down(0.1), 200, ends_leases=True),  # an end cuts the other answers off, too
    at_updates(f"the server restarts {AFTER}", Down(0.1, after_effect=True), 200),
    at_updates("down for 20 s", Down(1.0), at=300, every=1, ends_leases=True),
    at_updates(f"reset {BEFORE}", Reset()),
    at_updates(f"reset {AFTER}", Reset(after_effect=True)),
    at_updates(f"FIN {BEFORE} (the closing race)", Close()),
    at_updates("FIN after the answer", CloseAfterAnswer(), 3),
    at_updates("body cut short", Truncate(20), ends_leases=True),
    at_updates("chunks that break off", ChunkedAbort(), ends_leases=True),
    at_updates("HTTP/1.0 body cut short", Http10Cut(), ends_leases=True),
    slow_at_updates(f"half-open {BEFORE}", HalfOpen()),
    slow_at_updates(f"half-open {AFTER}", HalfOpen(after_effect=True)),
    slow_at_updates("slow headers", Delay(2 * SLOW, after_effect=True)),
    slow_at_updates("an answer that drips", Drip(50, head=True)),
    at_plain_updates(f"reset {BEFORE}", Reset()),
    at_plain_updates(f"reset {AFTER}", Reset(after_effect=True)),
    at_plain_updates("body cut short", Truncate(1)),
    at_updates(f"reset {AFTER}, outbox", Reset(after_effect=True), with_outbox=True),
]
SERVER = [
    at_polls("500, retryable", conductor_error(500, "lock", retryable=True)),
    at_polls("502, HTML", Html(502)),
    at_polls("429, Retry-After 2", retry_after(429, 2), 8),
    at_polls("503, Retry-After 2", retry_after(503, 2), 8),
    at_polls("403", conductor_error(403, "not yours")),
    at_polls("404", Status(404, "not here")),
    at_polls("200, login page", Html()),
    at_polls("an object instead of a list", Status(200, {"tasks": []})),
    at_polls("204", Status(204), 3),
    at_polls("200, empty", Status(200), 3),
    at_polls("null", Status(200, b"null"), 3),
    at_polls("JSON that breaks off", garbled(cut=1), ends_leases=True),
    at_polls("a byte order mark", garbled(start=b"\xef\xbb\xbf"), ends_leases=True),
    at_polls("a bomb of 100 MB", GzipBomb(100_000_000), 20, times=3),
    at_polls("60 MB of blanks", Huge(60_000_000), 20, times=3),
    at_polls("nested 100,000 deep", Status(200, "[" * 100_000 + "]" * 100_000)),
    at_polls("a status that nobody knows", changed(status="PAUSED_BY_LAW")),
    at_polls("nulls and members that nobody knows", changed(domain=None, outputData=None, new={"a": [1]})),
    at_polls("a task without ids among others", one_odd(taskType="t"), 3),
    at_polls("each task twice", late_copies(), 3),
    at_polls("more tasks than asked for", more_than_asked, 3),
    at_polls("tasks of another type", changed(taskType="other", taskDefName="other")),
    at_polls("a redirect", Redirect("http://127.0.0.1:9/api/tasks")),
    at_updates("500, retryable", conductor_error(500, "lock", retryable=True)),
    at_updates("500, not retryable", conductor_error(500, "the database is away")),
    at_updates("500, outbox", conductor_error(500, "the database is away"), with_outbox=True),
    at_updates("an outage of 100 requests", conductor_error(500, "away"), 1, at=tuple(range(200, 300))),
    at_updates("502, HTML", Html(502)),
    at_updates("503, HTML", Html(503)),
    at_updates(f"504, HTML, {AFTER}", Html(504, after_effect=True)),
    at_updates("429, Retry-After 2", retry_after(429, 2), 20),
    at_updates("503, Retry-After 2", retry_after(503, 2), 20),
    at_updates("408", Status(408), 20),
    at_updates("403", conductor_error(403, "not yours"), 20),
    at_updates("a redirect", Redirect("http://127.0.0.1:9/api/tasks", 307)),
    at_updates("200, login page", Html()),
    at_updates("missing: 404", MISSING_ROUTE, 1),
    at_updates("missing: 405", conductor_error(405, "Request method 'POST' is not supported"), 1),
    at_updates("missing: 500", conductor_error(500, "Request method 'POST' is not supported"), 1),
    at_updates("400", conductor_error(400, "unreadable"), only=is_completed, refuses=True),
    at_updates("413, HTML", Html(413), only=is_completed, refuses=True),
    at_updates("500, JSON parse error", conductor_error(500, "JSON parse error: odd"), only=is_completed, refuses=True),
    at_updates(
        "409 (the task runs again)", conductor_error(409, "conflict"), 100, lease=20, ends_leases=True, refuses=True
    ),
    at_plain_updates("503, HTML", Html(503)),
    at_plain_updates("200, login page", Html()),
    at_updates("every token ends", expire_tokens, 100, "any_update", with_key=True),
    at_polls("every token ends", expire_tokens, 10, with_key=True),
    replace(
        at_updates("503 when every token has ended", Status(503), 2, "token", with_key=True),
        strikes=(("token", Status(503), {"every": 2}), ("any_update", expire_tokens, {"every": 100})),
    ),
]
FUNCTION = [
    in_function("raises", fail(ValueError("odd"))),
    in_function("NonRetryableError", fail(NonRetryableError("never"))),
    in_function("SystemExit", fail(SystemExit(3))),
    in_function("KeyboardInterrupt", fail(KeyboardInterrupt())),
    in_function("async: raises", fail(ValueError("odd")), is_async=True),
    in_function("async: CancelledError", fail(asyncio.CancelledError()), is_async=True),
    in_function("hangs, timeout=5", hang, worker={"timeout": 5}),
    in_function("recursion without end", recurse, 100),
    in_function("an output with NaN", unsendable),
    in_function("an output of 2 MB", large, 50),
    in_function("changes its input", change_input),
    in_function("leaves threads behind", leak, 50),
    Scenario("function: ends its process", in_processes=die),
    in_function("puts its task off", later(callback_after_seconds=1)),
    in_function("its task is cancelled meanwhile", cancel),
    in_function("its task is deleted meanwhile", forget, refuses=True),
    in_function("its lease ends meanwhile", expire, ends_leases=True),
    replace(
        in_function("puts off, the answer is reset", later(), 2),
        strikes=(("any_update", Reset(after_effect=True), {"every": 5, "only": is_put_off}),),
    ),
    replace(
        in_function("puts off, reset before", later(), 2),
        strikes=(("any_update", Reset(), {"every": 5, "only": is_put_off}),),
    ),
    replace(
        in_function("puts off, 500 though it is done", later(), 2),
        strikes=(("any_update", Html(500, after_effect=True), {"every": 5, "only": is_put_off}),),
    ),
]
LEASES = [
    replace(
        in_function("", take(60), 40, **LONG),
        name=f"lease of 30 s, tasks of 60 s: {name}",
        strikes=(("extend", action, when),),
    )
    for name, action, when in (
        ("two of three extensions fail", conductor_error(500, "away"), {"only": TwoOfThree()}),
        ("two of three extensions reset", Reset(), {"only": TwoOfThree()}),
        ("every third extension late", Delay(0.15), {"every": 3}),
    )
]
HAND_BACKS = [
    replace(
        at_polls("surplus, hand-backs reset", more_than_asked, 3),
        strikes=(("poll", more_than_asked, {"every": 3}), ("update", Reset(), {"every": 3})),
    ),
    replace(
        at_polls("surplus, hand-backs' answers lost", more_than_asked, 3),
        strikes=(("poll", more_than_asked, {"every": 3}), ("update", Reset(after_effect=True), {"every": 3})),
    ),
]
SCENARIOS = [*NETWORK, *SERVER, *FUNCTION, *LEASES, *HAND_BACKS]
