"""What must hold beside the faults: measurements in this process, each with its limit. Printed by fault_report.py."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from operator import gt
from pathlib import Path
from typing import Any, NamedTuple

from fault_lab import KEY, FastClock, make_client, set_clock, set_token_clock
from fault_scenarios import TwoOfThree, retry_after

from conductor import TaskExecutor, TaskRunner
from conductor.errors import AuthenticationError, ConductorError
from conductor.testing import FakeClock
from support.raw_faults import Answer, Delay, Down, HalfOpen, Redirect, conductor_error
from support.raw_server import RawServer
from support.waiting import eventually


class Measured(NamedTuple):
    text: str
    holds: bool


class Setting:
    """A server and a runner. runner_clock: None is the machine's. server: arguments of RawServer."""

    def __init__(self, stack: ExitStack, runner_clock: Any = None, **server: Any) -> None:
        key = server.get("key")
        self.server = stack.enter_context(RawServer(**server))
        self.client = stack.enter_context(make_client(self.server, key=key))
        self.runner = TaskRunner(self.client, worker_id="w", shutdown_timeout=30)
        if runner_clock is not None:
            set_clock(self.runner, runner_clock)
            if key is not None:
                set_token_clock(self.client, runner_clock)

    def seconds_to_stop(self) -> float:
        started = time.monotonic()
        self.runner.shutdown()
        self.runner.wait_workers(timeout=10)
        return time.monotonic() - started


def run_until(clock: FakeClock, probe: Callable[[], object], step: float = 1.0) -> None:
    """Let the fake time run, many steps in a second."""
    deadline = time.monotonic() + 30
    while not probe() and time.monotonic() < deadline:
        clock.advance(step)
        time.sleep(0.006)  # its waits notice within 5 ms


def outage(seconds: float) -> Measured:
    """Ten tasks finish just when the server goes down."""
    with ExitStack() as stack:
        clock = FakeClock()
        setting = Setting(stack, clock)
        server = setting.server
        together = threading.Barrier(10)
        server.fault("any_update", HalfOpen(), first=9)
        server.fault("any_update", Down(), at=10)
        server.add_tasks("t", 10, responseTimeoutSeconds=3600)
        setting.runner.start_worker("t", lambda _task: together.wait(10) and None, 10)
        eventually(lambda: server.counts["any_update"] >= 10)
        up_at = clock.now() + seconds
        run_until(clock, lambda: clock.now() >= up_at)
        server.up()
        up_at = clock.now()
        run_until(clock, lambda: len(server.accepted) == 10, 0.25)
        took, accepted = clock.now() - up_at, len(server.accepted)
        setting.seconds_to_stop()
    return Measured(f"{accepted} of 10 accepted, the last one {took:.0f} s after the outage", accepted == 10)


def drain() -> Measured:
    """Ten run, the hand-backs of five more are on their way, and so is another worker's poll."""
    with ExitStack() as stack:
        setting = Setting(stack)
        server, runner = setting.server, setting.runner
        opened = threading.Event()

        def nine_and_five(exchange: Any) -> None:
            exchange.send(Answer(body=server.poll("t", number=14)))

        server.fault("poll", nine_and_five, at=2)
        server.fault("update", Delay(0.5), at=(1, 2, 3, 4, 5))
        server.add_tasks("t", 15)
        runner.start_worker("t", lambda _task: opened.wait(20) and None, 10)
        eventually(lambda: server.counts["update"] == 5)
        server.fault("poll", Delay(0.5))
        runner.start_worker("u", lambda _task: None)
        polls = server.counts["poll"]
        eventually(lambda: server.counts["poll"] > polls)
        server.add_task("u")
        threading.Timer(0.7, opened.set).start()
        runner.shutdown()
        drained = runner.wait_workers(timeout=20)
        finished, back = len(server.accepted), server.waiting("t") + server.waiting("u")
    return Measured(f"{finished} finished, {back} handed back", (finished, back, drained) == (10, 6, True))


def stop_while_idle() -> Measured:
    with ExitStack() as stack:
        setting = Setting(stack, longest_wait=5.0)
        setting.runner.start_worker("t", lambda _task: None)
        polls = eventually(lambda: setting.server.counts["poll"])
        eventually(lambda: setting.server.counts["poll"] > polls)
        took = setting.seconds_to_stop()
    return Measured(f"{took:.2f} s", took <= 2)


def stop_while_backing_off() -> Measured:
    with ExitStack() as stack:
        setting = Setting(stack)
        setting.server.fault("poll", conductor_error(500, "down"))
        setting.runner.start_worker("t", lambda _task: None)
        eventually(lambda: setting.server.counts["poll"] >= 4)
        took = setting.seconds_to_stop()
    return Measured(f"{took:.2f} s", took <= 1)


def stop_in_retry_after() -> Measured:
    """Of a poll and of a result."""
    with ExitStack() as stack:
        setting = Setting(stack)
        setting.server.fault("poll", retry_after(429, 3600), at=2)
        setting.server.fault("any_update", retry_after(503, 3600), at=1)
        setting.server.add_task("t")
        setting.runner.start_worker("t", lambda _task: None, 2)
        eventually(lambda: setting.server.counts["poll"] == 2 and setting.server.counts["any_update"] == 1)
        time.sleep(0.1)
        took = setting.seconds_to_stop()
        accepted = len(setting.server.accepted)
    return Measured(f"{took:.2f} s, and {accepted} of 1 accepted", took <= 1 and accepted == 1)


def long_tasks() -> Measured:
    """Ten at once, on clocks that run three times as fast as the machine's: a machine that is late is so by more."""
    with ExitStack() as stack:
        clock = FastClock(3)
        setting = Setting(stack, runner_clock=clock, clock=clock.now)
        server = setting.server
        failing = server.fault("extend", conductor_error(500, "away"), only=TwoOfThree())
        server.add_tasks("t", 10, responseTimeoutSeconds=3)
        setting.runner.start_worker("t", lambda _task: clock.sleep(30), 10, lease_extension=True)
        eventually(lambda: len(server.accepted) == 10)
        expired, sent = sum(server.expiries.values()), server.counts["extend"]
        setting.seconds_to_stop()
    text = f"{expired} expired; {failing.hits} of {sent} extensions failed"
    return Measured(text, expired == 0 and len(server.accepted) == 10)


def many_leases() -> Measured:
    """500 tasks of 25 s, in real time."""
    with ExitStack() as stack:
        setting = Setting(stack)
        server = setting.server
        server.fault("extend", Delay(0.1))
        server.add_tasks("t", 500, responseTimeoutSeconds=10)
        opened = threading.Event()
        setting.runner.start_worker("t", lambda _task: opened.wait(60) and None, 500, lease_extension=True)
        eventually(lambda: len(server.deliveries) == 500)
        time.sleep(25)
        opened.set()
        eventually(lambda: len(server.accepted) == 500)
        expired, extended = sum(server.expiries.values()), sum(server.extensions.values())
        setting.seconds_to_stop()
    return Measured(f"{expired} expired; {extended} extensions", expired == 0)


def token_herd() -> Measured:
    with ExitStack() as stack:
        setting = Setting(stack, key=KEY)
        executor = TaskExecutor(setting.client)
        task_id = setting.server.add_task("t")
        executor.get_task(task_id)
        setting.server.expire_tokens()
        together = threading.Barrier(20)
        with ThreadPoolExecutor(20) as threads:
            found = list(threads.map(lambda _: together.wait(10) >= 0 and executor.get_task(task_id), range(20)))
        calls = setting.server.counts["token"] - 1
    return Measured(f"{calls}, and {len(found)} of 20 calls answered", (calls, len(found)) == (1, 20))


def wrong_key() -> Measured:
    """A worker that polls, and ten threads that call, for 60 s of a clock that runs 20 times as fast."""
    with ExitStack() as stack:
        clock = FastClock(20)
        setting = Setting(stack, clock, key=KEY)
        setting.server.fault("token", conductor_error(401, "the key is unknown"))
        setting.runner.start_worker("t", lambda _task: None)
        executor, end = TaskExecutor(setting.client), clock.now() + 60

        def call(_: int) -> None:
            while clock.now() < end:
                try:
                    executor.get_task("t1")
                except AuthenticationError:
                    clock.sleep(0.5)

        with ThreadPoolExecutor(10) as threads:
            list(threads.map(call, range(10)))
        calls, others = setting.server.counts["token"], len(setting.server.requests) - setting.server.counts["token"]
        setting.seconds_to_stop()
    return Measured(f"{calls}, and {others} calls without a token", calls <= 8 and others == 0)


def second_origin() -> Measured:
    """Every kind of call is redirected there, with every status, before and after there is a token."""
    with ExitStack() as stack:
        setting = Setting(stack, FastClock(20), key=KEY)
        other = stack.enter_context(RawServer(KEY))
        server = setting.server
        faults = [
            server.fault(operation, Redirect(f"{other.url}/tasks", code), at=place)
            for operation in ("token", "poll", "any_update", "get_task")
            for place, code in enumerate((301, 302, 303, 307, 308), 1)
        ]
        ids = server.add_tasks("t", 40, responseTimeoutSeconds=60)
        setting.runner.start_worker("t", lambda _task: None, 2)
        eventually(lambda: len(server.accepted) == len(ids))
        executor = TaskExecutor(setting.client)
        for task_id in ids[:10]:
            try:
                executor.get_task(task_id)
            except ConductorError:
                continue
        redirected = sum(fault.hits for fault in faults)
        setting.seconds_to_stop()
    seen = len(other.requests)
    return Measured(f"{'no' if not seen else 'YES'}: {seen} requests came there, of {redirected} redirected", not seen)


def hundred_starts() -> Measured:
    with ExitStack() as stack:
        setting = Setting(stack, longest_wait=0.01)
        server, client = setting.server, setting.client

        def cycle() -> None:
            with TaskRunner(client, worker_id="w") as runner:
                accepted = len(server.accepted)
                runner.start_worker("t", lambda _task: None, 2, lease_extension=True)
                server.add_task("t")
                eventually(lambda: len(server.accepted) > accepted)

        def held() -> tuple[int, int]:
            client.close()
            eventually(lambda: not server.open_connections)
            return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

        cycle()
        before = held()
        for _ in range(100):
            cycle()
        give_up_at = time.monotonic() + 5
        while any(map(gt, after := held(), before)) and time.monotonic() < give_up_at:
            time.sleep(0.05)  # threads that end
    text = f"{after[0] - before[0]:+} threads, {after[1] - before[1]:+} descriptors ({before} before)"
    return Measured(text, not any(map(gt, after, before)))


IN_PROCESS: dict[str, tuple[str, Callable[[], Measured]]] = {
    "an outage of 75 s with ten results in hand": ("10 of 10", lambda: outage(75)),
    "an outage of 10 min with ten results in hand": ("10 of 10", lambda: outage(600)),
    "drain: 10 run, 5 are surplus, a poll is in flight": ("10 and 6", drain),
    "stop while idle": ("<= 2 s", stop_while_idle),
    "stop while backing off": ("<= 1 s", stop_while_backing_off),
    "stop in a Retry-After of 3600 s": ("<= 1 s", stop_in_retry_after),
    "a task of 30 s on a lease of 3 s, 2 of 3 extensions fail": ("0 expired", long_tasks),
    "500 leases of 10 s, 100 ms a round trip": ("0 expired", many_leases),
    "20 threads at one token's end: token calls": ("1", token_herd),
    "a wrong key for 60 s: token calls": ("<= 8", wrong_key),
    "a second origin saw a token": ("no", second_origin),
    "100 starts and stops": ("+0 threads, +0 descriptors", hundred_starts),
}
