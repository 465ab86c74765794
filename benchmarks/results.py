"""The measured figures by case, worker and round, their medians, and ratios of figures from the same round."""

from __future__ import annotations

import operator
import statistics
from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.measure import Figures


class Place(NamedTuple):
    """A line of the report."""

    case: str
    worker: str


def median(values: list[float]) -> float | None:
    """None if there are no values."""
    return statistics.median(values) if values else None


class Results:
    """errors: why a worker has no figures for a case, in any round."""

    def __init__(self) -> None:
        self._figures: defaultdict[Place, dict[int, Figures]] = defaultdict(dict)
        self.errors: dict[Place, str] = {}

    def add(self, place: Place, round_number: int, figures: Figures) -> None:
        self._figures[place][round_number] = figures

    def rounds(self, place: Place) -> list[Figures]:
        return list(self._figures[place].values())

    def values(self, place: Place, figure: str) -> list[float]:
        """Of each round that has it."""
        return [figures[figure] for figures in self.rounds(place) if figure in figures]

    def ratios(self, place: Place, other: Place, figure: str) -> list[float]:
        """Of each round: rounds differ, since the machine does."""
        return self._of_both(place, other, figure, operator.truediv)

    def differences(self, place: Place, other: Place, figure: str) -> list[float]:
        return self._of_both(place, other, figure, operator.sub)

    def _of_both(
        self, place: Place, other: Place, figure: str, combine: Callable[[float, float], float]
    ) -> list[float]:
        mine, theirs = self._figures[place], self._figures[other]
        return [
            combine(mine[number][figure], theirs[number][figure])
            for number in mine.keys() & theirs.keys()
            if figure in mine[number] and figure in theirs[number]
        ]

    def as_json(self) -> list[dict[str, object]]:
        """One object per measurement."""
        return [
            {"case": place.case, "worker": place.worker, "round": number, **figures}
            for place, rounds in self._figures.items()
            for number, figures in rounds.items()
        ]
