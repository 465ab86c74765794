"""The report as Markdown: a table for each kind of case, and one of the wanted figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from benchmarks.cases import Case, Kind
from benchmarks.results import Place, Results, median
from benchmarks.wanted import COROUTINES, all_wanted
from benchmarks.workers import PROJECT


class Column(NamedTuple):
    """figure: a key of the measured figures. shape: of the number, as ``format`` takes it."""

    figure: str
    heading: str
    shape: str
    unit: str = ""


class Kinds(NamedTuple):
    title: str
    text: str
    columns: tuple[Column, ...]
    ratios: tuple[str, ...] = ()


MEMORY = Column("memory", "peak memory", ",.0f", " MB")
KINDS: dict[Kind, Kinds] = {
    "throughput": Kinds(
        "Throughput",
        "c is the number of tasks of one type that run at once. There are always more tasks. CPU and memory include "
        "all of the worker's processes. The last two columns divide this project's figure by this line's.",
        (
            Column("rate", "tasks/s", ",.0f"),
            Column("cpu", "CPU s per 1,000", ".3f"),
            MEMORY,
            Column("server", "server, of a core", ".0%"),
        ),
        ("rate", "cpu"),
    ),
    "time to start": Kinds(
        "From available to started",
        "Tasks arrive at random times, from the worker's first poll on. "
        '"first": the server answers a poll as soon as there is a task. "fill": it holds a poll until there are as '
        "many as were asked for, or its timeout has passed.",
        (
            Column("p50", "p50", ",.2f", " ms"),
            Column("p95", "p95", ",.2f", " ms"),
            Column("p99", "p99", ",.2f", " ms"),
            Column("tasks", "tasks a round", ",.0f"),
        ),
    ),
    "idle": Kinds(
        "Without tasks",
        "",
        (Column("requests", "requests/s and type", ".2f"), Column("share", "CPU, of a core", ".2%"), MEMORY),
    ),
    "start": Kinds(
        "Start",
        "The first poll counts from the start of the program.",
        (Column("import", "import", ".3f", " s"), Column("first_poll", "first poll", ".3f", " s")),
    ),
    "binding": Kinds(
        "Typed arguments",
        "The time that is added to a call of the function, in this process.",
        (Column("binding", "added", ".1f", " µs"),),
    ),
    "real server": Kinds(
        "A real Conductor server",
        "Of workflows of one task, by the server's clock. Drain: 300 are queued before the worker starts. "
        "Start to COMPLETED: of single ones, while the worker is idle. The bare loop polls for one task here.",
        (Column("drain", "drained tasks/s", ",.0f"), Column("to_end", "start to COMPLETED, p50", ",.0f", " ms")),
    ),
}


def markdown(results: Results, cases: Iterable[Case], workers: list[str], introduction: list[str]) -> str:
    cases = list(cases)
    lines = ["# Benchmarks", "", *introduction]
    for kind, how in KINDS.items():
        rows = list(_rows(results, [case for case in cases if case.kind == kind], workers, how))
        if rows:
            ratios = [f"{_heading(how, figure)}: this project / this line" for figure in how.ratios]
            headings = ["case", "worker", *(column.heading for column in how.columns), *ratios]
            lines += ["", f"## {how.title}", "", *([how.text, ""] if how.text else []), *table(headings, rows)]
    lines += [
        "",
        "## Wanted and measured",
        "",
        *table(["figure", "wanted", "measured", "in the rounds", "holds"], _wanted(results)),
    ]
    lines += _limit_of_coroutines(results)
    for place, error in results.errors.items():
        lines += ["", f"{place.case}, {place.worker}, failed:", "", "```", error.strip(), "```"]
    return "\n".join(lines) + "\n"


def table(headings: list[str], rows: Iterable[list[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (headings, ["---"] * len(headings), *rows)]


def _heading(how: Kinds, figure: str) -> str:
    return next(column.heading for column in how.columns if column.figure == figure)


def _rows(results: Results, cases: list[Case], workers: list[str], how: Kinds) -> Iterator[list[str]]:
    for case in cases:
        for worker in case.workers:
            place = Place(case.name, worker)
            if worker not in workers:
                continue
            if place in results.errors:
                yield [case.name, worker, "failed", *[""] * (len(how.columns) - 1 + len(how.ratios))]
                continue
            figures = [
                _shown(median(results.values(place, each.figure)), each.shape, each.unit) for each in how.columns
            ]
            project = Place(case.name, PROJECT)
            ratios = [
                "" if place == project else _times(median(results.ratios(project, place, each))) for each in how.ratios
            ]
            yield [case.name, worker, *figures, *ratios]


def _shown(value: float | None, shape: str, unit: str) -> str:
    return "" if value is None else f"{value:{shape}}{unit}"


def _times(value: float | None) -> str:
    return _shown(value, ".2f", "x")


def _wanted(results: Results) -> Iterator[list[str]]:
    for each in all_wanted():
        rounds = each.measured(results)
        measured = median(rounds)
        spread = f"{min(rounds):.4g} to {max(rounds):.4g}" if rounds else ""
        holds = "" if measured is None else ("yes" if each.holds(measured) else "no")
        yield [each.text, f"{each.sense} {each.limit:g}", _shown(measured, ".4g", "") or "not measured", spread, holds]


def _limit_of_coroutines(results: Results) -> list[str]:
    """A sentence about the processor that a thousand coroutines share."""
    rate, cpu = (median(results.values(COROUTINES, figure)) for figure in ("rate", "cpu"))
    if rate is None or cpu is None:
        return []
    share = f"{rate * cpu / 1000:.0%} of a core"
    return ["", f"{COROUTINES.case}: the worker uses {share}. Python code of one process runs on one at a time."]
