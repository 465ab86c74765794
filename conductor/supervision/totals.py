"""The metrics of all worker processes, summed for one scrape."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from conductor.supervision.messages import Family, Report

_Sample = tuple[str, tuple[tuple[str, str], ...]]
"""The name of a sample, and its labels."""


@dataclass
class _Sum:
    """One metric, summed over processes."""

    text: str
    kind: str
    samples: dict[_Sample, float] = field(default_factory=dict)

    def add(self, family: Family) -> None:
        for name, labels, value in family.samples:
            sample = name, tuple(labels.items())
            self.samples[sample] = self.samples.get(sample, 0.0) + value


class Totals(Collector):
    """Sums the last reports of the processes. Thread-safe.

    The counters and histograms of a process that has ended stay in the sums, so that no total ever falls. Its gauges
    do not.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards everything below
        self._latest: dict[int, list[Family]] = {}  # by the number of the process's place
        self._of_ended: dict[str, _Sum] = {}

    def update(self, number: int, report: Report) -> None:
        """The newest report of the process in this place."""
        with self._lock:
            self._latest[number] = report.metrics

    def retire(self, number: int) -> None:
        """The process in this place has ended."""
        with self._lock:
            families = self._latest.pop(number, [])
            _add(self._of_ended, [each for each in families if each.kind != "gauge"])

    def collect(self) -> Iterator[Metric]:
        sums: dict[str, _Sum] = {}
        with self._lock:
            for name, ended in self._of_ended.items():
                sums[name] = _Sum(ended.text, ended.kind, dict(ended.samples))
            for families in self._latest.values():
                _add(sums, families)
        for name, total in sums.items():
            metric = Metric(name, total.text, total.kind)
            for (sample, labels), value in total.samples.items():
                metric.add_sample(sample, dict(labels), value)
            yield metric


def _add(sums: dict[str, _Sum], families: list[Family]) -> None:
    for family in families:
        sums.setdefault(family.name, _Sum(family.text, family.kind)).add(family)
