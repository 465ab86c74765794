"""The figures that this project wants to reach."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.results import Place, Results
from benchmarks.workers import GO, INCUMBENT, LEAN, PROJECT, RAW, URLLIB3

COROUTINES = Place("async 100 ms waits, c=1000", PROJECT)


class Wanted(NamedTuple):
    """A figure of one line of the report: itself, divided by that of another line, or less that of another line.

    sense: "<=" or ">=".
    """

    text: str
    figure: str
    place: Place
    sense: str
    limit: float
    over: Place | None = None
    less: Place | None = None

    def measured(self, results: Results) -> list[float]:
        """The figure of each round. Its median counts."""
        if self.over:
            return results.ratios(self.place, self.over, self.figure)
        if self.less:
            return results.differences(self.place, self.less, self.figure)
        return results.values(self.place, self.figure)

    def holds(self, measured: float) -> bool:
        return measured <= self.limit if self.sense == "<=" else measured >= self.limit


def all_wanted() -> list[Wanted]:
    return [*_no_op(), *_other_throughput(), *_beside_throughput()]


def _no_op() -> Iterator[Wanted]:
    for over, figure, sense, limit in (
        (GO, "cpu", "<=", 0.75),
        (INCUMBENT, "cpu", "<=", 0.16),
        (LEAN, "cpu", "<=", 1.35),
        (INCUMBENT, "rate", ">=", 7.5),
        (URLLIB3, "rate", ">=", 2.7),
    ):
        yield _against(over, "no-op, c=10", figure, sense, limit)
    for over, concurrency, limit in (
        (INCUMBENT, 1, 6),
        (INCUMBENT, 50, 7),
        (INCUMBENT, 100, 7),
        (GO, 50, 2),
        (GO, 100, 1),
    ):
        yield _against(over, f"no-op, c={concurrency}", "rate", ">=", limit)


def _other_throughput() -> Iterator[Wanted]:
    yield _alone("10 ms waits, c=50", "rate", ">=", 4000, "tasks/s, of 5,000 possible")
    yield _alone("server latency 20 ms, c=10", "rate", ">=", 470, "tasks/s, of 500 possible")
    yield _against(RAW, "1 ms CPU, c=10", "rate", ">=", 0.95)
    yield _against(RAW, "input 100 KB, c=10", "rate", ">=", 0.95)
    yield _alone("50 types, c=1 each", "memory", "<=", 45, "MB")
    one, fifty = Place("1 type, c=1 each", PROJECT), Place("50 types, c=1 each", PROJECT)
    yield Wanted("50 types: tasks/s / tasks/s with one type", "rate", fifty, ">=", 0.85, over=one)
    threads, coroutines = Place("no-op, c=10", PROJECT), Place("async no-op, c=10", PROJECT)
    yield Wanted("async no-op, c=10: tasks/s / tasks/s of threads", "rate", coroutines, ">=", 0.6, over=threads)
    for concurrency in (1, 10):
        typed = Place(f"no-op with typed arguments, context and interceptor, c={concurrency}", PROJECT)
        plain = Place(f"no-op, c={concurrency}", PROJECT)
        yield Wanted(f"{typed.case}: CPU a task / CPU of a plain task", "cpu", typed, "<=", 1.05, over=plain)
    yield _alone(COROUTINES.case, "rate", ">=", 8500, "tasks/s, of 10,000 possible")


def _beside_throughput() -> Iterator[Wanted]:
    for arrivals, limit in ((2, 1.2), (100, 0.4)):
        for hold in ("first", "fill"):
            yield _alone(f'{arrivals} tasks a second, "{hold}", c=10', "p50", "<=", limit, "ms to start, p50")
    yield _alone("idle, 20 types", "requests", "<=", 1.0, "requests/s and type")
    yield _alone("idle, 20 types", "share", "<=", 0.007, "of a core")
    yield _alone("import and first poll", "import", "<=", 0.15, "s to import")
    yield _alone("a dataclass of 5 fields", "binding", "<=", 5, "µs added to a call")
    project, bare = Place("real server, c=1", PROJECT), Place("real server, c=1", URLLIB3)
    text = f"{project.case}: ms from start to COMPLETED, p50 - {bare.worker}"
    yield Wanted(text, "to_end", project, "<=", 5, less=bare)
    yield _against(URLLIB3, "real server, c=10", "drain", ">=", 1.0)


NAMES = {"cpu": "CPU a task", "rate": "tasks/s", "drain": "drained tasks/s"}


def _against(over: str, case: str, figure: str, sense: str, limit: float) -> Wanted:
    text = f"{case}: {NAMES[figure]} / {over}"
    return Wanted(text, figure, Place(case, PROJECT), sense, limit, over=Place(case, over))


def _alone(case: str, figure: str, sense: str, limit: float, unit: str) -> Wanted:
    return Wanted(f"{case}: {unit}", figure, Place(case, PROJECT), sense, limit)
