"""The last reports of the processes: their metrics as sums, and their health as one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from conductor import _gauges
from conductor.health import Health, Reason, ReasonCode, health_of, merged
from conductor.supervision.messages import Family, Report

SILENT_AFTER = 4.0
"""Seconds. A process that has not reported for as long is stopped, or hangs as a whole."""
STARTS_WITHIN = 60.0
"""Seconds. A process that has no running workers after this time hangs in an import or in its lifespan."""

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


@dataclass(frozen=True)
class _Latest:
    """at: on the monotonic clock."""

    report: Report
    at: float


class Reports(Collector):
    """The reports of so many processes. Thread-safe. number: of the place of a process, from 1 on.

    The counters and histograms of a process that has ended stay in the sums, so that no total ever falls. Its gauges
    do not.
    """

    def __init__(self, processes: int) -> None:
        self._lock = threading.Lock()  # guards everything below
        self._latest: dict[int, _Latest] = {}
        self._of_ended: dict[str, _Sum] = {}
        self._missing: dict[int, Reason] = {}
        self._starting: dict[int, float] = {}  # since when, on the monotonic clock
        for number in range(1, processes + 1):
            self.starts(number)

    def starts(self, number: int) -> None:
        """A process has been started. It is not ready before its first report, and missing if that does not come."""
        with self._lock:
            self._missing.pop(number, None)
            if number not in self._latest:
                self._starting[number] = time.monotonic()

    def update(self, number: int, report: Report) -> None:
        """The newest report of a process."""
        with self._lock:
            self._latest[number] = _Latest(report, time.monotonic())
            self._starting.pop(number, None)
            self._missing.pop(number, None)

    def retire(self, number: int, *, is_missing: bool) -> None:
        """A process has ended. is_missing: another one has to take its place."""
        with self._lock:
            latest = self._latest.pop(number, None)
            self._starting.pop(number, None)
            if latest is not None:
                _add(self._of_ended, [each for each in latest.report.metrics if each.kind != "gauge"])
            if is_missing:
                text = f"Process {number} has ended, and is not replaced yet."
                self._missing[number] = Reason(code=ReasonCode.PROCESS_MISSING, text=text, since=datetime.now(UTC))

    def health(self) -> Health:
        """The health of all processes as one. A process that is missing, silent or hangs at its start makes it ill."""
        now, at = time.monotonic(), datetime.now(UTC)
        with self._lock:
            latest = dict(self._latest)
            reasons = [*self._missing.values()]
            reasons += [_of_start(number, now - began, at) for number, began in self._starting.items()]
        for number, each in latest.items():
            silent = now - each.at
            if silent >= SILENT_AFTER:
                since = at - timedelta(seconds=silent)
                text = f"Process {number} has not reported for {silent:.0f} s."
                reasons.append(Reason(code=ReasonCode.PROCESS_MISSING, text=text, since=since))
        whole = merged([each.report.health for each in latest.values()])
        if reasons:
            return health_of(whole.workers, [*whole.reasons, *reasons], whole.outboxes, at)
        if whole.ready:  # also if a process drains beside others, or has no worker left
            found = [_of_process(number, each) for number, of in latest.items() for each in of.report.health.reasons]
            whole = replace(whole, ready=not found, reasons=found)
        return whole

    def collect(self) -> Iterator[Metric]:
        sums: dict[str, _Sum] = {}
        with self._lock:
            for name, ended in self._of_ended.items():
                sums[name] = _Sum(ended.text, ended.kind, dict(ended.samples))
            for latest in self._latest.values():
                _add(sums, latest.report.metrics)
        for name, total in sums.items():
            metric = Metric(name, total.text, total.kind)
            for (sample, labels), value in total.samples.items():
                metric.add_sample(sample, dict(labels), value)
            yield metric
        yield from _gauges.families(self.health())


def _of_process(number: int, reason: Reason) -> Reason:
    return replace(reason, text=f"Process {number}: {reason.text}")


def _of_start(number: int, seconds: float, at: datetime) -> Reason:
    since = at - timedelta(seconds=seconds)
    if seconds < STARTS_WITHIN:
        return Reason(code=ReasonCode.NO_GOOD_POLL, text=f"Process {number} starts.", since=since)
    text = f"Process {number} has not started its workers for {seconds:.0f} s: does an import or its lifespan hang?"
    return Reason(code=ReasonCode.PROCESS_MISSING, text=text, since=since)


def _add(sums: dict[str, _Sum], families: list[Family]) -> None:
    for family in families:
        sums.setdefault(family.name, _Sum(family.text, family.kind)).add(family)
