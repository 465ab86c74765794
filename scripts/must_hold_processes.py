"""What must hold for worker programs as processes of their own, which are told to end or are killed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fault_lab import FastClock, make_client
from must_hold import Measured

from conductor import TaskRunner
from support.raw_faults import HalfOpen, Reset, Truncate, conductor_error
from support.raw_server import RawServer
from support.waiting import eventually

WITH_OUTBOX = """
import sys
from conductor import TaskRunner

with TaskRunner(outbox=sys.argv[1]) as runner:
    runner.start_worker("t", lambda task: {"n": task.input_data["n"]}, batch_size=10)
    runner.wait_workers()
"""
BUSY = """
import sys, time
from conductor import TaskRunner

with TaskRunner(shutdown_timeout=60) as runner:
    runner.start_worker("t", lambda task: time.sleep(60), batch_size=10)
    sys.exit(not runner.wait_workers())
"""
WITH_PROCESSES = """
import time
from conductor import TaskRunner, process_pool

def work(task):
    while task.input_data["n"] % 2:
        pass
    time.sleep(60)

if __name__ == "__main__":
    with TaskRunner() as runner:
        runner.start_worker("t", work, batch_size=4, executor=process_pool(4))
        runner.wait_workers()
"""
MEMORY = """
import gc, sys, threading
from conductor import TaskRunner

PORTION = 5_000
seen = []
lock = threading.Lock()

def work(task):
    with lock:
        seen.append(None)
        if len(seen) == PORTION:
            seen.clear()
            gc.collect()
            with open("/proc/self/statm") as file:
                print(file.read().split()[1], flush=True)
    return {"n": task.input_data["n"], "text": "x" * 200}

with TaskRunner(shutdown_timeout=5) as runner:
    runner.start_worker("t", work, batch_size=20, lease_extension=True)
    runner.wait_workers()
"""


@contextmanager
def program(code: str, server: RawServer, *arguments: Any) -> Iterator[subprocess.Popen[str]]:
    """A script of this code, in a process group of its own, of which nothing stays behind."""
    with TemporaryDirectory() as directory:
        script = Path(directory) / "script.py"
        script.write_text(code)
        process = subprocess.Popen(
            [sys.executable, script, *map(str, arguments)],
            env=os.environ | {"CONDUCTOR_SERVER_URL": server.url, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def killed_after_commit() -> Measured:
    """Ten results are in the outbox and on their way, never answered, when their process is killed."""
    with RawServer() as server, TemporaryDirectory() as directory, make_client(server) as client:
        outbox = Path(directory) / "outbox.db"
        server.fault("any_update", HalfOpen())
        server.add_tasks("t", 10)
        with program(WITH_OUTBOX, server, outbox) as process:
            eventually(lambda: server.counts["any_update"] == 10)
            process.kill()
            process.wait()
        left = rows_in(outbox)
        before = len(server.accepted)
        server.clear_faults()
        with TaskRunner(client, outbox=outbox) as runner:
            runner.start_worker("other", lambda _task: None)
            eventually(lambda: len(server.accepted) == 10)
            eventually(lambda: rows_in(outbox) == 0)
        tasks = [server.task(task_id) for task_id in server.accepted]
        again = sum(server.deliveries.values()) - 10
    completed = sum(task["status"] == "COMPLETED" and task["outputData"] == task["inputData"] for task in tasks)
    text = f"{completed} of 10; {left} were in the outbox, {before} accepted before; {again} delivered again"
    return Measured(text, (completed, left, before, again) == (10, 10, 0, 0))


def rows_in(outbox: Path) -> int:
    connection = sqlite3.connect(outbox)
    (count,) = connection.execute("SELECT count(*) FROM results").fetchone()
    connection.close()
    return int(count)


def second_signal() -> Measured:
    with RawServer() as server, _busy(server) as process:
        return _ended_by_a_second_signal(process)


def second_signal_without_answers() -> Measured:
    """The updates of its finished tasks are under way, and get no answer."""
    with RawServer() as server:
        server.fault("any_update", HalfOpen())
        server.add_tasks("t", 10)
        with program(BUSY.replace("time.sleep(60)", "None"), server) as process:
            eventually(lambda: server.counts["any_update"] >= 10)
            return _ended_by_a_second_signal(process)


def _ended_by_a_second_signal(process: subprocess.Popen[str]) -> Measured:
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    sent = time.monotonic()
    code = process.wait(20)
    took = time.monotonic() - sent
    return Measured(f"{took:.2f} s, exit code {code}", took <= 2 and code == 1)


@contextmanager
def _busy(server: RawServer) -> Iterator[subprocess.Popen[str]]:
    server.add_tasks("t", 10)
    with program(BUSY, server) as process:
        eventually(lambda: len(server.deliveries) == 10)
        yield process


def orphans() -> Measured:
    """Two of the four are busy, two sleep."""
    with RawServer() as server:
        server.add_tasks("t", 4)
        with program(WITH_PROCESSES, server) as process:
            eventually(lambda: len(server.deliveries) == 4)
            time.sleep(0.5)
            children = children_of(process.pid)
            process.kill()
            process.wait()
            time.sleep(2)
            alive = sum(map(is_alive, children))
    return Measured(f"{alive} of {len(children)}", alive == 0 and len(children) >= 4)


def children_of(pid: int) -> list[int]:
    """The helper of multiprocessing included."""
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in files for child in file.read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


class InTurn:
    """An action that is one after another of these."""

    def __init__(self, *actions: Callable[[Any], None]) -> None:
        self._actions = cycle(actions)

    def __call__(self, exchange: Any) -> None:
        next(self._actions)(exchange)


def memory() -> Measured:
    """Of another process. Every twentieth update fails, in four ways; leases end on a clock that runs faster."""
    with RawServer(clock=FastClock(20).now) as server, program(MEMORY, server) as process:
        ways = InTurn(Reset(), conductor_error(500, "away"), conductor_error(409, "conflict"), Truncate(0))
        server.fault("any_update", ways, every=20)
        done = threading.Event()
        feeder = threading.Thread(target=_feed, args=(server, done))
        feeder.start()
        assert process.stdout is not None
        pages = [int(process.stdout.readline()) for _ in range(20)]
        done.set()
        feeder.join()
    warm, last = max(pages[:4]), max(pages[-4:])
    growth = (last - warm) / warm
    megabytes = [page * os.sysconf("SC_PAGE_SIZE") / 2**20 for page in (warm, last)]
    text = f"{growth:+.1%}: {megabytes[0]:.1f} MB after 20,000 tasks, {megabytes[1]:.1f} MB at the end"
    return Measured(text, growth <= 0.05)


def _feed(server: RawServer, done: threading.Event) -> None:
    while not done.wait(0.1):
        if server.waiting("t") < 2_000:
            server.add_tasks("t", 2_000)
        server.requests.clear()


PROCESSES: dict[str, tuple[str, Callable[[], Measured]]] = {
    "kill -9 after the outbox's commit, before the update": ("10 of 10 COMPLETED", killed_after_commit),
    "a second signal, ten functions hang": ("<= 2 s", second_signal),
    "a second signal, ten updates get no answer": ("<= 2 s", second_signal_without_answers),
    "children 2 s after the kill of their parent": ("0", orphans),
    "long: memory over 100,000 tasks with 5 % faults": ("<= +5 %", memory),
}
