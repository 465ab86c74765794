"""Where Prometheus reads what ``_recording`` records.

One recording feeds two sets of names: the canonical catalogue of the Conductor SDKs (conductor-oss/go-sdk
docs/metrics.md) and the rows of the Go SDK's worker guide, which have neither ``_total`` nor units.
"""

from __future__ import annotations

import io
import sys
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from socketserver import ThreadingMixIn
from types import TracebackType
from typing import Any, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import CollectorRegistry, Counter, Histogram, make_wsgi_app
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from conductor._log import logger_of
from conductor._recording import active_tasks, switch_on
from conductor.errors import ConfigurationError
from conductor.settings import MetricsSettings, instance

logger = logger_of(__name__)

TIME_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SIZE_BUCKETS = (100, 1e3, 1e4, 1e5, 1e6, 1e7)
ACTIVE_WORKERS = ("active_workers", "Tasks that are executing now")


class Instruments:
    """The storage: one instrument a row of the catalogue, in no registry of its own."""

    def __init__(self) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=None)

        def times(name: str, text: str, *labels: str) -> Histogram:
            return Histogram(name, text, labels, buckets=TIME_BUCKETS, registry=None)

        def sizes(name: str, text: str, *labels: str) -> Histogram:
            return Histogram(name, text, labels, buckets=SIZE_BUCKETS, registry=None)

        task, failed = "taskType", ("taskType", "exception")
        self.polls = counter("task_poll", "Poll requests", task)
        self.poll_errors = counter("task_poll_error", "Polls that failed", *failed)
        self.poll_time = times("task_poll_time_seconds", "Duration of a poll", task, "status")
        self.executions = counter("task_execution_started", "Executions", task)
        self.execute_errors = counter("task_execute_error", "Executions that raised", *failed)
        self.execute_time = times("task_execute_time_seconds", "Duration of an execution", task, "status")
        self.update_errors = counter("task_update_error", "Updates that failed", *failed)
        self.update_time = times("task_update_time_seconds", "Duration of an update", task, "status")
        self.result_size = sizes("task_result_size_bytes", "Size of an output's JSON", task)
        self.queue_full = counter("task_execution_queue_full", "Polls put off: every slot was busy", task)
        self.paused = counter("task_paused", "Polls put off: the worker was paused", task)
        self.uncaught = counter("thread_uncaught_exceptions", "Bugs that a thread survived", "exception")
        self.payloads = counter(
            "external_payload_used", "Payloads in external storage", "entityName", "operation", "payloadType"
        )
        self.start_errors = counter("workflow_start_error", "Starts that failed", "workflowType", "exception")
        self.input_size = sizes("workflow_input_size_bytes", "Size of an input's JSON", "workflowType", "version")
        self.http_time = times("http_api_client_request_seconds", "Duration of a request", "method", "uri", "status")
        self.results_lost = counter("task_result_lost", "Results refused, discarded or given up", task, "reason")
        self.late = counter("task_result_late", "Executions that took longer than their lease", task)
        self.duplicates = counter("task_duplicate", "Deliveries of a task that was running already", task)
        self.handed_back = counter("task_handed_back", "Tasks put back into their queue unstarted", task)
        self.threads_lost = counter("task_thread_lost", "Executions over their time limit", task)
        self.lease_extensions = counter("task_lease_extension", "Extensions that the server accepted", task)
        self.lease_errors = counter("task_lease_extension_error", "Extensions that failed", *failed)
        self.canonical = list(vars(self).values())
        self.poll_error_statuses = counter("poll_error_status", "Feeds the guide's task_poll_error", task, "status")


class MetricsCollector(Collector):
    """All metrics of this process, for a registry of your own: ``REGISTRY.register(MetricsCollector())``.

    Making the first one switches recording on. All collectors show the same numbers.
    """

    def __init__(self) -> None:
        self._instruments = switch_on(Instruments)

    def describe(self) -> Iterator[Metric]:
        """Every name, for a registry's check that no two collectors give the same.

        Each once, or the registry could not take the collector out again: a counter ``x_total`` claims ``x`` too.
        """
        for instrument in self._instruments.canonical:
            yield from instrument.describe()
        yield GaugeMetricFamily(*ACTIVE_WORKERS)
        yield _GuideRow("task_poll_counter", "", "untyped")
        for name in ("task_poll_time", "task_execute_time", "task_result_size"):
            yield _GuideRow(name, "", "summary")  # claims _sum and _count

    def collect(self) -> Iterator[Metric]:
        for instrument in self._instruments.canonical:
            for metric in instrument.collect():
                metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
                yield metric
        active = GaugeMetricFamily(*ACTIVE_WORKERS, labels=["taskType"])
        for task_type, tasks in active_tasks().items():
            active.add_metric([task_type], tasks)
        yield active
        yield from self._guide_rows()

    def _guide_rows(self) -> Iterator[Metric]:
        """The worker guide's table to the letter. Untyped: the format wants ``_total`` from a counter."""
        of = self._instruments
        yield _untyped("task_poll_counter", _sums(of.polls, ("taskType",), {"_total": ""}))
        errors = _sums(of.poll_error_statuses, ("taskType", "status"), {"_total": ""})
        yield _untyped(
            "task_poll_error", ((end, {**labels, "includeRetries": "false"}, n) for end, labels, n in errors)
        )
        yield _untyped("task_execute_error", _sums(of.execute_errors, ("taskType",), {"_total": ""}))
        yield _untyped("task_update_error", _sums(of.update_errors, ("taskType",), {"_total": ""}))
        summary = {"_sum": "_sum", "_count": "_count"}
        yield _untyped("task_poll_time", _sums(of.poll_time, ("taskType",), summary))
        yield _untyped("task_execute_time", _sums(of.execute_time, ("taskType",), summary))
        yield _untyped("task_result_size", _sums(of.result_size, ("taskType",), summary))


class _GuideRow(Metric):
    """Known by its class where a registry already holds a MetricsCollector."""


_Row = tuple[str, dict[str, str], float]


def _sums(instrument: Counter | Histogram, labels: tuple[str, ...], ends: dict[str, str]) -> Iterator[_Row]:
    """(end of the name, labels, value) of an instrument's samples, summed over all but the named labels."""
    sums: defaultdict[tuple[str, tuple[str, ...]], float] = defaultdict(float)
    for metric in instrument.collect():
        for sample in metric.samples:
            end = sample.name.removeprefix(metric.name)
            if end in ends:
                sums[ends[end], tuple(sample.labels[label] for label in labels)] += sample.value
    for (end, values), total in sums.items():
        yield end, dict(zip(labels, values, strict=True)), total


def _untyped(name: str, rows: Iterable[_Row]) -> Metric:
    metric = _GuideRow(name, "The worker guide's row of this name", "untyped")
    for end, labels, value in rows:
        metric.add_sample(name + end, labels, value)
    return metric


class MetricsServer:
    """Serves a registry over HTTP, in Prometheus' text format, until ``close()``. A context manager."""

    def __init__(self, settings: MetricsSettings, registry: CollectorRegistry) -> None:
        app = _app_at(settings.endpoint, registry)
        try:
            self._server = make_server(settings.host, settings.port, app, _Server, _Handler)
        except (OSError, TypeError) as error:  # the latter for a host that is no name in IDNA
            raise ConfigurationError(f"metrics cannot be served on {settings.host}:{settings.port}: {error}") from error
        self.port: int = self._server.server_port
        """The port in use, also where the settings said 0."""
        self._thread = threading.Thread(target=self._server.serve_forever, name="conductor-metrics", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving and free the port; returns when that is done. Repeating it changes nothing."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _app_at(endpoint: str, registry: CollectorRegistry) -> WSGIApplication:
    app = make_wsgi_app(registry)
    path = endpoint.encode().decode("latin-1")  # how WSGI spells a path

    def at_endpoint(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != path:
            start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
            return [f"metrics are at {endpoint}\n".encode()]
        # OpenMetrics forbids what the guide's rows need: task_x beside task_x_total
        environ.pop("HTTP_ACCEPT", None)
        try:
            answer: Iterable[bytes] = app(environ, start_response)
        except Exception:
            logger.exception("metrics: a collector of the registry failed")
            start_response("500 Internal Server Error", [("Content-Type", "text/plain")])
            return [b"a collector failed: the log of the process says which\n"]
        return answer

    return at_endpoint


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True  # a scraper that hangs keeps neither close() nor the process waiting
    block_on_close = False
    request_queue_size = 64  # scrapers that come at once

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - socketserver's signature
        logger.debug("metrics: a scraper was given up", exc_info=sys.exception())


class _Handler(WSGIRequestHandler):
    timeout = 10.0  # seconds for a scraper to send its request, and to take each part of the answer

    def get_stderr(self) -> io.StringIO:
        return io.StringIO()  # where wsgiref would write the traceback of a scraper that stopped reading

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        logger.debug("metrics: " + format, *args)  # noqa: G003


def provide_metrics(
    settings: MetricsSettings | None = None, registry: CollectorRegistry | None = None
) -> MetricsServer:
    """Serve this process's metrics on a thread, by default at http://127.0.0.1:2112/metrics.

    registry: your own, which then gets the MetricsCollector, unless it has one, and is served as a whole.
    ConfigurationError when the port is in use, or when the registry has other metrics under the same names.
    """
    instance("settings", settings, MetricsSettings | None, "a MetricsSettings")
    instance("registry", registry, CollectorRegistry | None, "a CollectorRegistry")
    registry = CollectorRegistry() if registry is None else registry
    _register(registry)
    return MetricsServer(settings or MetricsSettings(), registry)


def _register(registry: CollectorRegistry) -> None:
    try:
        registry.register(MetricsCollector())
    except ValueError as error:  # names are taken: by a collector of ours, or by somebody else's
        if not any(isinstance(metric, _GuideRow) for metric in registry.collect()):
            raise ConfigurationError(f"registry has other metrics under the names of ours: {error}") from error
