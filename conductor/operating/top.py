"""The work of running workers now: from two readings of their metrics, and the queues of their server."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

import msgspec

from conductor._threads import ThreadsOnDemand
from conductor.errors import ConductorError
from conductor.executor import TaskExecutor
from conductor.operating.scrape import MetricsReader, Scrape
from conductor.transport import ApiClient

MOST_AT_ONCE = 32
"""Pages that are read at the same time."""

_STARTED, _FAILED = "task_execution_started_total", "task_execute_error_total"
_SECONDS, _ENDED = "task_execute_time_seconds_sum", "task_execute_time_seconds_count"
_POLL_ERRORS, _UPDATE_ERRORS = "task_poll_error_total", "task_update_error_total"
_LOST, _ACTIVE = "task_result_lost_total", "active_workers"
_SLOTS, _FREE = "worker_slots", "worker_free_slots"
_COUNTERS = (_STARTED, _FAILED, _SECONDS, _ENDED, _POLL_ERRORS, _UPDATE_ERRORS)
_NAMES = {*_COUNTERS, _LOST, _ACTIVE, _SLOTS, _FREE}

Key = TypeVar("Key")
Values = Mapping[tuple[str, str], float]


class WorkersOfDomain(msgspec.Struct, rename="camel", frozen=True):
    """The workers of a task type in one domain. domain: "" for those without one. queued: as in WorkersOfType."""

    domain: str
    busy: int
    free: int
    queued: int | None


class WorkersOfType(msgspec.Struct, rename="camel", frozen=True):
    """All workers of a task type, in all processes whose metrics were read.

    busy, free: slots; free is None if a process does not tell it. The rates are per second, between two readings; None
    at the first one. average_seconds: of the executions that ended between them. lost_results: since the processes have
    started. queued: tasks that wait at the server, in all domains; None if it cannot be asked. domains: those that have
    workers or waiting tasks; none if no process tells its slots.
    """

    task_type: str
    busy: int
    free: int | None
    started_per_second: float | None
    failed_per_second: float | None
    poll_errors_per_second: float | None
    update_errors_per_second: float | None
    average_seconds: float | None
    lost_results: int
    queued: int | None
    domains: list[WorkersOfDomain]


class View(msgspec.Struct, rename="camel", frozen=True):
    """pages: the number of pages that were read. problems: with the others, and with the server."""

    pages: int
    workers: list[WorkersOfType]
    problems: list[str]


class Top:
    """Looks again and again. Not thread-safe. urls: pages of metrics, as ``metrics_url`` returns them."""

    def __init__(self, api: ApiClient, urls: Sequence[str]) -> None:
        self._executor = TaskExecutor(api)
        self._reader = MetricsReader(api.http_settings)
        self._urls = list(dict.fromkeys(urls))
        self._before: dict[str, Scrape] = {}
        self._threads = ThreadsOnDemand("conductor-top", MOST_AT_ONCE)  # a page that hangs holds up no Ctrl-C

    def look(self) -> View:
        """The work since the last look. Blocks for one request a page, and one to the server."""
        problems: list[str] = []
        now = self._read(problems)
        rates = _sum(_rates(self._before[url], scrape) for url, scrape in now.items() if url in self._before)
        has_rates = bool(now.keys() & self._before.keys())
        self._before = now
        totals = _sum(scrape.values for scrape in now.values())
        by_domain = _sum(scrape.by_domain for scrape in now.values())
        task_types = sorted({task_type for name, task_type in totals if name in _NAMES})
        queued = self._queued(problems) if task_types else None
        workers: list[WorkersOfType] = []
        for each in task_types:
            sizes = None if queued is None else queued[each]
            slots = {(name, domain): value for (name, of, domain), value in by_domain.items() if of == each}
            workers.append(_workers_of(each, totals, rates if has_rates else None, sizes, _domains(slots, sizes)))
        return View(len(now), workers, problems)

    def _read(self, problems: list[str]) -> dict[str, Scrape]:
        answers: dict[str, Future[Scrape]] = {url: Future() for url in self._urls}
        for url, answer in answers.items():
            self._threads.run(partial(self._read_one, url, answer))
        found = {}
        for url, answer in answers.items():
            try:
                found[url] = answer.result()
            except ConductorError as error:
                problems.append(str(error))
        return found

    def _read_one(self, url: str, answer: Future[Scrape]) -> None:
        try:
            answer.set_result(self._reader.read(url))
        except BaseException as error:  # noqa: BLE001 - it is raised by ``result``
            answer.set_exception(error)

    def _queued(self, problems: list[str]) -> defaultdict[str, Counter[str]] | None:
        """By task type and domain. A queue is called ``domain:task_type`` or ``task_type`` (server 3.32.3)."""
        try:
            sizes = self._executor.queue_sizes()
        except ConductorError as error:
            problems.append(str(error))
            return None
        queued: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for name, size in sizes.items():
            domain, _, task_type = name.rpartition(":")
            queued[task_type][domain] += size
        return queued


def _rates(before: Scrape, now: Scrape) -> Values:
    """Per second, of the counters. A counter that is smaller than before began anew, with its process."""
    seconds = now.at - before.at
    found = {}
    for (name, task_type), value in now.values.items():
        if name in _COUNTERS:
            last = before.values.get((name, task_type), 0.0)
            found[name, task_type] = (value - last if value >= last else value) / seconds
    return found


def _sum(each: Iterable[Mapping[Key, float]]) -> Mapping[Key, float]:
    total: defaultdict[Key, float] = defaultdict(float)
    for values in each:
        for key, value in values.items():
            total[key] += value
    return total


def _domains(slots: Values, queued: Counter[str] | None) -> list[WorkersOfDomain]:
    """slots: of one task type, by the name of a metric and the domain."""
    known = {domain for name, domain in slots if name == _SLOTS}
    if known and queued is not None:
        known.update(domain for domain, size in queued.items() if size)
    found: list[WorkersOfDomain] = []
    for domain in sorted(known):
        free = int(slots.get((_FREE, domain), 0.0))
        busy = int(slots.get((_SLOTS, domain), 0.0)) - free
        found.append(WorkersOfDomain(domain, busy, free, None if queued is None else queued[domain]))
    return found


def _workers_of(
    task_type: str, totals: Values, rates: Values | None, queued: Counter[str] | None, domains: list[WorkersOfDomain]
) -> WorkersOfType:
    def total(name: str) -> int:
        return int(totals.get((name, task_type), 0.0))

    def rate(name: str) -> float | None:
        return None if rates is None else round(rates.get((name, task_type), 0.0), 3)

    tells_slots = (_SLOTS, task_type) in totals
    ended, seconds = (0.0 if rates is None else rates.get((name, task_type), 0.0) for name in (_ENDED, _SECONDS))
    return WorkersOfType(
        task_type,
        busy=total(_SLOTS) - total(_FREE) if tells_slots else total(_ACTIVE),
        free=total(_FREE) if tells_slots else None,
        started_per_second=rate(_STARTED),
        failed_per_second=rate(_FAILED),
        poll_errors_per_second=rate(_POLL_ERRORS),
        update_errors_per_second=rate(_UPDATE_ERRORS),
        average_seconds=round(seconds / ended, 6) if ended else None,
        lost_results=total(_LOST),
        queued=None if queued is None else queued.total(),
        domains=domains,
    )
