"""The plot as SVG: tasks per second of no-op tasks, and the processor time of each, by worker and concurrency."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import NamedTuple

from benchmarks.results import Place, Results, median
from benchmarks.workers import KEYS

CONCURRENCIES = (1, 10, 50, 100)
COLOURS = dict(zip(KEYS.values(), ("#1f6feb", "#d29922", "#2da44e", "#8c959f", "#afb8c1", "#6e7781"), strict=True))

FONT = 'font-family="sans-serif" font-size="12"'

WIDTH, LEFT, LABEL, BAR, GAP, TITLE = 900, 60, 70, 15, 16, 54


class Panel(NamedTuple):
    """shape: of a number, as ``format`` takes it."""

    figure: str
    title: str
    shape: str


PANELS = (
    Panel("rate", "No-op tasks: tasks per second (more is better)", ",.0f"),
    Panel("cpu", "No-op tasks: CPU seconds per 1,000 tasks (less is better)", ".2f"),
)


def svg(results: Results, workers: list[str]) -> str:
    """Only workers with a figure for each concurrency are shown. Two panels, one below the other."""
    shown = [worker for worker in workers if all(_place_is_there(results, each, worker) for each in CONCURRENCIES)]
    panel = TITLE + len(CONCURRENCIES) * (len(shown) * BAR + GAP)
    height = 2 * panel + 24 * len(shown) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {FONT}>',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for number, each in enumerate(PANELS):
        parts += _panel(results, shown, number * panel, each)
    parts += _legend(shown, 2 * panel)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _place_is_there(results: Results, concurrency: int, worker: str) -> bool:
    return bool(results.values(_place(concurrency, worker), "rate"))


def _place(concurrency: int, worker: str) -> Place:
    return Place(f"no-op, c={concurrency}", worker)


def _panel(results: Results, workers: list[str], top: int, panel: Panel) -> Iterator[str]:
    values = {
        (concurrency, worker): median(results.values(_place(concurrency, worker), panel.figure)) or 0.0
        for concurrency in CONCURRENCIES
        for worker in workers
    }
    longest = max(values.values(), default=0.0) or 1.0
    yield f'<text x="{LEFT}" y="{top + 32}" font-size="16" font-weight="bold">{escape(panel.title)}</text>'
    y = top + TITLE
    for concurrency in CONCURRENCIES:
        middle = y + len(workers) * BAR / 2 + 4
        yield f'<text x="{LEFT - 8}" y="{middle:.1f}" text-anchor="end">c={concurrency}</text>'
        for worker in workers:
            value = values[concurrency, worker]
            length = value / longest * (WIDTH - LEFT - LABEL)
            yield f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR - 2}" fill="{COLOURS[worker]}"/>'
            yield f'<text x="{LEFT + length + 5:.1f}" y="{y + BAR - 4}">{value:{panel.shape}}</text>'
            y += BAR
        y += GAP


def _legend(workers: list[str], top: int) -> Iterator[str]:
    for number, worker in enumerate(workers):
        y = top + 24 * number
        yield f'<rect x="{LEFT}" y="{y}" width="14" height="14" fill="{COLOURS[worker]}"/>'
        yield f'<text x="{LEFT + 22}" y="{y + 12}">{escape(worker)}</text>'
