"""The requests of a fleet of workers to its server: formulas, a simulation, and the plot and the tables of the page.

scripts/capacity.py           write docs/capacity.svg and the tables in docs/capacity.md
scripts/capacity.py --check   fail if the tables differ from those of the page

The times between polls and between extensions of a lease are those of the package itself. The figures of a real server
come from docs/capacity.json, which scripts/measure_server.py writes.
"""

from __future__ import annotations

import heapq
import itertools
import json
import random
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from conductor.delivery.lease import EARLIEST, LATEST
from conductor.runner.poll import IDLE_POLL_TIMEOUT

ROOT = Path(__file__).parent.parent

PAGE, PLOT, MEASURED = (ROOT / "docs" / f"capacity.{kind}" for kind in ("md", "svg", "json"))
THREADS = 200
"""Requests that a server handles at the same time: Tomcat's default."""
PROCESSES = (1, 10, 100, 1_000, 10_000)


@dataclass(frozen=True)
class Fleet:
    """types: task types in each process. tasks: per second, of the whole fleet. held: tasks that run at the same time
    with lease_extension, on average. lease: responseTimeoutSeconds. The times are in seconds.
    """

    processes: int
    types: int = 1
    poll_timeout: float = IDLE_POLL_TIMEOUT
    poll_interval: float = 0.0
    tasks: float = 0.0
    held: float = 0
    lease: float = 60.0

    @property
    def pollers(self) -> int:
        """Each process polls for each of its task types."""
        return self.processes * self.types

    @property
    def idle_polls(self) -> float:
        """Polls per second without tasks. The time of the network is left out: it makes them fewer."""
        return self.pollers / (self.poll_timeout + self.poll_interval)

    @property
    def open_polls(self) -> float:
        """Polls that wait at the server at the same time."""
        return self.idle_polls * self.poll_timeout

    @property
    def polls(self) -> float:
        """Polls per second, if each task finds an idle worker.

        A task ends the poll that it comes with halfway, on average, and the next poll does not wait.
        """
        return self.idle_polls + 1.5 * self.tasks

    @property
    def updates(self) -> float:
        return self.tasks

    @property
    def extensions(self) -> float:
        return self.held / (self.lease * (EARLIEST + LATEST) / 2)


def simulated(fleet: Fleet, seconds: float, seed: int = 1) -> dict[str, float]:
    """Requests per second of each kind, counted in a run of the fleet without tasks that find no idle worker.

    A poller waits at the server for poll_timeout. If a task comes meanwhile, it polls once more without waiting, and
    then as before. Each lease is extended between EARLIEST and LATEST of its time.
    """
    chance = random.Random(seed)
    counts = {"polls": 0, "updates": 0, "extensions": 0}
    order = itertools.count()  # of events at the same moment
    version = [0] * fleet.pollers  # an answer to a poll that has ended early is of an old version
    events: list[tuple[float, int, str, int, int]] = []

    def plan(at: float, what: str, who: int = 0, of: int = 0) -> None:
        if at < seconds:
            heapq.heappush(events, (at, next(order), what, who, of))

    for poller in range(fleet.pollers):
        plan(chance.uniform(0, fleet.poll_timeout + fleet.poll_interval), "poll", poller)
    for _ in range(round(fleet.held)):
        plan(chance.uniform(0, fleet.lease * LATEST), "extend")
    if fleet.tasks:
        plan(chance.expovariate(fleet.tasks), "task")
    while events:
        now, _, what, who, of = heapq.heappop(events)
        if what == "poll" and of == version[who]:
            counts["polls"] += 1
            plan(now + fleet.poll_timeout + fleet.poll_interval, "poll", who, of)
        elif what == "extend":
            counts["extensions"] += 1
            plan(now + fleet.lease * chance.uniform(EARLIEST, LATEST), "extend")
        elif what == "task":
            counts["updates"] += 1
            counts["polls"] += 1  # the one that does not wait
            taker = chance.randrange(fleet.pollers)
            version[taker] += 1
            plan(now, "poll", taker, version[taker])
            plan(now + chance.expovariate(fleet.tasks), "task")
    return {kind: count / seconds for kind, count in counts.items()}


def table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = list(columns)
    lines = [columns, ["---:" for _ in columns], *(list(row) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def number(value: float) -> str:
    return f"{value:.2g}" if value < 10 else f"{value:,.0f}"


def idle_table() -> str:
    def row(processes: int, types: int) -> list[str]:
        default = Fleet(processes, types)
        longest = Fleet(processes, types, poll_timeout=5.0)
        spaced = Fleet(processes, types, poll_timeout=0.0, poll_interval=5.0)
        figures = (default.idle_polls, default.open_polls, longest.idle_polls, longest.open_polls, spaced.idle_polls)
        return [f"{processes:,}", str(types), *map(number, figures), number(-(-default.open_polls // THREADS))]

    columns = (
        "processes",
        "task types in each",
        "default: polls/s",
        "open",
        "`poll_timeout=5`: polls/s",
        "open",
        "`poll_timeout=0`, `poll_interval=5`: polls/s",
        f"servers with {THREADS} threads for the default",
    )
    return table(columns, (row(processes, types) for processes in PROCESSES[1:] for types in (1, 10)))


def extension_table() -> str:
    leases = (10, 60, 600, 3600)
    rows = (
        [f"{held:,}", *(number(Fleet(1, held=held, lease=lease).extensions) for lease in leases)] for held in PROCESSES
    )
    return table(("tasks that run at the same time", *(f"lease of {lease:,} s" for lease in leases)), rows)


def busy_table() -> str:
    """Each process gets a task a minute, which runs for ten seconds with a lease of a minute."""

    def row(processes: int) -> list[str]:
        fleet = Fleet(processes, tasks=processes / 60, held=processes / 6, lease=60.0)
        figures = (fleet.polls, fleet.updates, fleet.extensions)
        return [f"{processes:,}", *map(number, (*figures, sum(figures)))]

    return table(("processes", "polls/s", "updates/s", "extensions/s", "in all"), map(row, PROCESSES))


def measured_table() -> str:
    found = json.loads(MEASURED.read_text())
    kinds = [
        (f"idle polls that wait {each['timeout']:.0f} s, {each['open']} workers", each) for each in found["idle_polls"]
    ]
    kinds += [
        ("polls that do not wait", found["polls_that_do_not_wait"]),
        ("extensions of leases", found["lease_extensions"]),
        ("tasks: poll, update, end of a workflow", found["executions"]),
    ]
    rows = (
        [what, number(each["per_second"]), f"{each['server_ms']:.1f} ms", f"{each['database_ms']:.1f} ms"]
        for what, each in kinds
    )
    made = table(("requests", "answered per second", "processor time of the server, each", "of PostgreSQL, each"), rows)
    return (
        f"Measured on {found['date']}: {found['server']}. It shared a machine ({found['machine']}) with PostgreSQL,\n"
        f"with the program that asked, and with other programs (load average {found['load_average_before']}).\n\n{made}"
    )


TABLES = {"idle": idle_table, "extensions": extension_table, "busy": busy_table, "measured": measured_table}


def with_tables(page: str) -> str:
    """The page with each table between its two marks."""
    return re.sub(
        r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)",
        lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n{found[3]}",
        page,
        flags=re.DOTALL,
    )


def draw() -> None:
    import matplotlib as mpl  # noqa: PLC0415 - the check of the tables runs without it
    from matplotlib.figure import Figure  # noqa: PLC0415

    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "capacity", "font.size": 9})
    answered = json.loads(MEASURED.read_text())["polls_that_do_not_wait"]["per_second"]
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    polls, waiting = figure.subplots(1, 2)
    fleets = {
        "10 task types, default": {"types": 10},
        "1 task type, default": {},
        "1 task type, poll_timeout=5": {"poll_timeout": 5.0},
        "1 task type, poll_timeout=0.1, poll_interval=5": {"poll_timeout": 0.1, "poll_interval": 5.0},
    }
    for (name, settings), line in zip(fleets.items(), ("-", "-", "--", "-"), strict=True):
        of_each = [Fleet(processes, **settings) for processes in PROCESSES]
        polls.plot(PROCESSES, [fleet.idle_polls for fleet in of_each], line, label=name)
        waiting.plot(PROCESSES, [fleet.open_polls for fleet in of_each], line, label=name)
        simulable = [fleet for fleet in of_each if fleet.pollers <= 10_000]
        seen = [simulated(fleet, 20.0)["polls"] for fleet in simulable]
        polls.plot([fleet.processes for fleet in simulable], seen, "k.", markersize=4)
    polls.plot([], [], "k.", label="simulation")
    polls.axhline(answered, color="grey", linestyle=":", label="answered by the measured server, if none waits")
    polls.set_title("Polls per second of an idle fleet")
    waiting.axhline(THREADS, color="grey", linestyle=":", label=f"the {THREADS} threads of a server")
    waiting.set_title("Polls that wait at the server at the same time")
    for axes in (polls, waiting):
        axes.set(xscale="log", yscale="log", xlabel="processes")
        axes.grid(linewidth=0.3)
        axes.legend(fontsize=7)
    figure.savefig(PLOT, metadata={"Date": None})


def main() -> int:
    page = PAGE.read_text()
    made = with_tables(page)
    if "--check" in sys.argv:
        if made != page:
            print("docs/capacity.md: run scripts/capacity.py", file=sys.stderr)
        return int(made != page)
    PAGE.write_text(made)
    draw()
    return 0


if __name__ == "__main__":
    sys.exit(main())
