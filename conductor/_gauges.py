"""The state of the workers as metrics. They are read at each scrape, so they cost a task nothing.

The canonical catalogue has no names for them.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.metrics_core import GaugeMetricFamily

from conductor.health import Health, WorkerHealth


def families(health: Health | None) -> Iterator[GaugeMetricFamily]:
    """The metrics of a process. None: only their names."""
    yield _verdict("worker_healthy", "0: /healthz answers 503", None if health is None else health.healthy)
    yield _verdict("worker_ready", "0: /readyz answers 503", None if health is None else health.ready)
    yield from _of_workers(() if health is None else health.workers)
    outbox = GaugeMetricFamily("outbox_results", "Results on disk that wait to be sent", labels=("path",))
    for each in () if health is None else health.outboxes:
        if each.results is not None:
            outbox.add_metric((each.path,), each.results)
    yield outbox


def _of_workers(workers: Iterable[WorkerHealth]) -> Iterator[GaugeMetricFamily]:
    """Workers of the same name and domain, of several runners, count as one. Its poll is their oldest."""
    slots: Tally[tuple[str, str]] = Tally()
    free: Tally[tuple[str, str]] = Tally()
    ages: dict[tuple[str, str], float] = {}
    for worker in workers:
        if worker.state != "ended":
            labels = worker.task_name, worker.domain or ""
            slots[labels] += worker.batch_size
            free[labels] += worker.free_slots
            if worker.poll_age is not None:
                ages[labels] = max(worker.poll_age, ages.get(labels, 0.0))
    yield _by_worker("worker_slots", "Tasks that may run at once (batch_size)", slots)
    yield _by_worker("worker_free_slots", "Slots without a task", free)
    yield _by_worker("worker_poll_age_seconds", "Time since the last good poll began", ages)


def _by_worker(name: str, text: str, values: Mapping[tuple[str, str], float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=("taskType", "domain"))
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def _verdict(name: str, text: str, is_good: bool | None) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=None if is_good is None else float(is_good))
