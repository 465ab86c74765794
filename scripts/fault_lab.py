"""What fault_report.py measures with: a clock that runs faster, and one worker against one faulty server."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from conductor import (
    ApiClient,
    AuthenticationSettings,
    HttpSettings,
    Task,
    TaskResult,
    TaskResultStatus,
    TaskRunner,
    process_pool,
)
from conductor.errors import ConductorError
from support.raw_faults import Answer
from support.raw_server import RawServer

KEY = ("key", "secret-of-the-key")
EXECUTED = "EXECUTED"
"""An environment variable: the file in which functions note their tasks that run in processes."""
GIVEN_UP_AFTER = 60.0
"""Real seconds after which what the server has not accepted counts as lost."""


class FastClock:
    """A monotonic clock that runs so many times as fast as the machine's: pauses shrink, their order stays."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._started = time.monotonic()

    def now(self) -> float:
        return (time.monotonic() - self._started) * self._speed

    def wait(self, event: threading.Event, seconds: float | None) -> bool:
        return event.wait(None if seconds is None else seconds / self._speed)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self._speed)


class LeaseClock:
    """The server's: the same, and forward by so much when there is nothing to do but to wait for leases to end."""

    def __init__(self, clock: FastClock) -> None:
        self._clock = clock
        self._ahead = 0.0

    def now(self) -> float:
        return self._clock.now() + self._ahead

    def skip(self, seconds: float) -> None:
        self._ahead += seconds


STUCK_AFTER = 0.15
"""Real seconds in which handed-out tasks that never reached the function have not, and no other task is open."""


class Lab:
    """A server, its clock, and what was seen of one worker: ids of tasks, in lists, to which threads may append.

    gone: taken away by the server, so that nobody waits for a result. struck: by a fault that is the function's.
    """

    def __init__(self, server: RawServer, clock: FastClock, lease_clock: LeaseClock) -> None:
        self.server = server
        self.clock = clock
        self._lease_clock = lease_clock
        self._lost_on_the_wire: set[str] = set()
        self._since = time.monotonic()
        self.executed: list[str] = []
        self.put_off: list[str] = []
        self.named: list[str] = []
        self.gone: list[str] = []
        self.struck: list[str] = []

    def lose(self, result: TaskResult, _error: ConductorError) -> None:
        self.named.append(result.task_id)

    def skip_leases(self, seconds: float) -> None:
        """End the leases of what was handed out and never arrived, if that is all there is to wait for."""
        open_ones = set(self.server.deliveries) - set(self.server.accepted) - set(self.server.expiries) - set(self.gone)
        if open_ones != self._lost_on_the_wire or open_ones & set(self.executed) or self.server.waiting("t"):
            self._lost_on_the_wire, self._since = open_ones, time.monotonic()
        elif open_ones and time.monotonic() - self._since > STUCK_AFTER:
            self._lease_clock.skip(seconds)
            self._since = time.monotonic()


Behave = Callable[[Task, Lab], Any]


def echo(task: Task, _lab: Lab) -> dict[str, Any]:
    return {"n": task.input_data["n"]}


@dataclass(frozen=True)
class Scenario:
    """One fault. strikes: (operation, action, which requests), as for RawServer.fault.

    by_polls: every task comes by a poll; else most come with the answer to another's update. behave: the worker
    function. worker: arguments of start_worker. read_timeout, in real seconds: short where answers do not come.
    in_processes: the worker function instead of behave, in two processes; it notes its task in the file EXECUTED.
    ends_leases: the fault destroys answers with tasks in them, or makes a lease end by itself. In other scenarios each
    lease that ends is a mistake: even the longest pause of a busy machine is shorter. refuses: the server will never
    take the results that the fault strikes, so that it is right to name them as lost. speed: of the clocks.
    """

    name: str
    strikes: tuple[tuple[str, Any, Mapping[str, Any]], ...] = ()
    behave: Behave = echo
    tasks: int = 1_000
    batch_size: int = 10
    lease: int = 200
    ends_leases: bool = False
    refuses: bool = False
    speed: float = 20.0
    by_polls: bool = False
    read_timeout: float = 5.0
    with_key: bool = False
    with_outbox: bool = False
    is_async: bool = False
    worker: Mapping[str, Any] = field(default_factory=dict)
    in_processes: Callable[[Task], Any] | None = None


@dataclass(frozen=True)
class Row:
    """executed_again: without a lease that ended; after_lease: because one did. lost: results that were produced and
    did not come to the server, though it would have taken them, and tasks that have none in the end. named: given to
    on_result_lost. gone: tasks that the server took away meanwhile. mistakes: what is wrong besides.
    """

    name: str
    struck: int
    tasks: int
    accepted: int
    executed_again: int
    lost: int
    seconds: float
    after_lease: int
    named: int
    gone: int
    mistakes: tuple[str, ...]


def run(scenario: Scenario) -> Row:
    """All tasks of a scenario through one worker, until the server has accepted them."""
    clock = FastClock(scenario.speed)
    lease_clock = LeaseClock(clock)
    with ExitStack() as stack:
        server = stack.enter_context(
            RawServer(KEY if scenario.with_key else None, clock=lease_clock.now, longest_wait=1.0 / scenario.speed)
        )
        if scenario.by_polls:
            server.fault("update_v2", update_only)
        faults = [server.fault(operation, action, **when) for operation, action, when in scenario.strikes]
        lab = Lab(server, clock, lease_clock)
        ids = server.add_tasks("t", scenario.tasks, responseTimeoutSeconds=scenario.lease)
        started = time.monotonic()
        drained = _work(scenario, lab, stack)
        seconds = time.monotonic() - started
        row = _row(scenario, lab, ids, sum(fault.hits for fault in faults), seconds)
        mistakes = {
            "STRUCK NOTHING": not row.struck,
            "LEASES ENDED": row.after_lease and not scenario.ends_leases,
            "NOT DRAINED": not drained,
            "NAMED": row.named and not scenario.refuses,
        }
        return replace(row, name=scenario.name, mistakes=tuple(text for text, made in mistakes.items() if made))


def update_only(exchange: Any) -> None:
    """What update-v2 does when no task waits."""
    exchange.server.update(exchange.request.json())
    exchange.send(Answer(204))


def make_client(server: RawServer, read_timeout: float = 5.0, key: tuple[str, str] | None = None) -> ApiClient:
    settings = AuthenticationSettings(*key) if key else None
    return ApiClient(settings, HttpSettings(server.url, read_timeout=read_timeout))


def set_clock(runner: TaskRunner, clock: Any) -> None:
    """Before its first worker starts."""
    runner._setup.clock = clock  # noqa: SLF001 - made to be replaced


def set_token_clock(client: ApiClient, clock: Any) -> None:
    client._connected.tokens._clock = clock.now  # noqa: SLF001 - as above


def _work(scenario: Scenario, lab: Lab, stack: ExitStack) -> bool:
    """Returns whether the worker came to an orderly end."""
    client = stack.enter_context(make_client(lab.server, scenario.read_timeout, KEY if scenario.with_key else None))
    if scenario.with_key:
        set_token_clock(client, lab.clock)
    outbox = Path(stack.enter_context(TemporaryDirectory())) / "outbox.db" if scenario.with_outbox else None
    runner = TaskRunner(client, worker_id="w", shutdown_timeout=600, outbox=outbox, on_result_lost=lab.lose)
    set_clock(runner, lab.clock)
    settings = dict(scenario.worker)
    function = _function(scenario, lab)
    if scenario.in_processes is not None:
        function, settings["executor"] = scenario.in_processes, process_pool(2)
        os.environ[EXECUTED] = str(Path(stack.enter_context(TemporaryDirectory())) / "executed")
    runner.start_worker("t", function, scenario.batch_size, **settings)
    give_up_at = time.monotonic() + GIVEN_UP_AFTER
    while len(lab.server.accepted) + len(set(lab.gone)) < scenario.tasks and time.monotonic() < give_up_at:
        time.sleep(0.02)
        lab.skip_leases(scenario.lease)
    runner.shutdown()
    drained = runner.wait_workers(timeout=10)
    if scenario.in_processes is not None:
        notes = [line.split() for line in Path(os.environ[EXECUTED]).read_text().splitlines()]
        lab.executed += [task_id for task_id, _ in notes]
        lab.struck += [task_id for task_id, strikes in notes if strikes == "True"]
    return drained


def note_execution(task: Task, strikes: bool) -> None:
    """In a process."""
    with Path(os.environ[EXECUTED]).open("a") as file:
        file.write(f"{task.task_id} {strikes}\n")


def _function(scenario: Scenario, lab: Lab) -> Callable[[Task], Any]:
    def worker(task: Task) -> Any:
        lab.executed.append(task.task_id)
        value = scenario.behave(task, lab)
        if isinstance(value, TaskResult) and value.status == TaskResultStatus.IN_PROGRESS:
            lab.put_off.append(task.task_id)
        return value

    async def async_worker(task: Task) -> Any:
        return worker(task)

    return async_worker if scenario.is_async else worker


def original(task_id: str) -> str:
    """The id that a task had before its retries."""
    return task_id.partition(".")[0]


def _row(scenario: Scenario, lab: Lab, ids: list[str], hits: int, seconds: float) -> Row:
    server = lab.server
    accepted = {original(task_id) for task_id in server.accepted if _is_its_own(server.task(task_id))}
    executed, put_off = Counter(map(original, lab.executed)), Counter(map(original, lab.put_off))
    expired: Counter[str] = Counter()
    for task_id, times in server.expiries.items():
        expired[original(task_id)] += times
    beyond = {task_id: max(0, executed[task_id] - 1 - put_off[task_id]) for task_id in ids}
    explained = {task_id: min(times, expired[task_id]) for task_id, times in beyond.items()}
    gone = set(lab.gone) - accepted
    without_end = set(ids) - accepted - gone
    produced = set(lab.executed) - (set(lab.named) if scenario.refuses else set())
    came = set(server.accepted) | set(server.repeated) | set(lab.put_off)
    return Row(
        "",
        hits + len(set(lab.struck)),
        len(ids),
        len(accepted),
        sum(beyond.values()) - sum(explained.values()),
        len(without_end | {task_id for task_id in produced - came if original(task_id) not in gone}),
        seconds,
        sum(expired.values()),
        len(lab.named),
        len(gone),
        (),
    )


def _is_its_own(task: dict[str, Any]) -> bool:
    """Whether what was accepted is this task's, and no other's, output."""
    return task["status"] != "COMPLETED" or task["outputData"].get("n") == task["inputData"]["n"]
