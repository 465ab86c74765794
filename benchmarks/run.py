"""A run: in each round each worker in each case, the workers of a case one right after the other."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from benchmarks.binding import measure_binding
from benchmarks.cases import Case
from benchmarks.measure import Figures, MeasurementError, Pace, measure
from benchmarks.real_server import measure_on_real_server
from benchmarks.results import Place, Results
from benchmarks.workers import Worker
from conductor.errors import ConductorError


class Run:
    """real_url: of a real Conductor server; None: there is none. Says on standard error how far it is."""

    def __init__(self, cases: list[Case], workers: list[Worker], pace: Pace, real_url: str | None) -> None:
        self._cases, self._workers, self._pace, self._real_url = cases, workers, pace, real_url
        self.results = Results()

    def rounds(self, count: int) -> Iterator[Results]:
        """After each round, all that is known by then: a run that is broken off has not been in vain."""
        for number in range(1, count + 1):
            for case in self._cases:
                for worker in self._workers:
                    if worker.name in case.workers:
                        self._measure(number, worker, case)
            yield self.results

    def _measure(self, number: int, worker: Worker, case: Case) -> None:
        place = Place(case.name, worker.name)
        try:
            figures = self._figures(worker, case)
        except (MeasurementError, ConductorError) as error:
            self.results.errors[place] = str(error)
            shown = f"failed: {error}"
        else:
            self.results.add(place, number, figures)
            shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
        print(f"round {number}, {case.name}, {worker.name}: {shown}", file=sys.stderr, flush=True)

    def _figures(self, worker: Worker, case: Case) -> Figures:
        if case.kind == "binding":
            return measure_binding()
        if case.kind != "real server":
            return measure(worker, case, self._pace)
        if self._real_url is None:
            raise MeasurementError("there is no real server")
        return measure_on_real_server(worker, case, self._real_url)
