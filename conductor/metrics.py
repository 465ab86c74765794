"""Serves the recordings of ``_recording`` to Prometheus, with the health pages beside them.

One recording feeds two sets of names: the canonical catalogue of the Conductor SDKs (conductor-oss/go-sdk
docs/metrics.md) and the rows of the Go SDK's worker guide, which have neither ``_total`` nor units.
"""

from __future__ import annotations

import errno
import io
import socket
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from socketserver import ThreadingMixIn
from types import TracebackType
from typing import Any, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import CollectorRegistry, Counter, Histogram, make_wsgi_app
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from conductor import _gauges, _health_pages, _recording, _runners
from conductor._arguments import require_instance
from conductor._log import logger_of
from conductor.errors import ConfigurationError
from conductor.health import Health
from conductor.settings import MetricsSettings

logger = logger_of(__name__)

ACTIVE_WORKERS = ("active_workers", "Tasks that are executing now")


def _storage_of(instrument: _recording.Instrument) -> Counter | Histogram:
    """The prometheus_client object of an instrument, without a registry."""
    given = instrument.name, instrument.text, instrument.labels
    if isinstance(instrument, _recording.Histogram):
        return Histogram(*given, buckets=instrument.buckets, registry=None)
    return Counter(*given, registry=None)


_STORAGE = {instrument: _storage_of(instrument) for instrument in _recording.CATALOGUE}
_CANONICAL = [storage for instrument, storage in _STORAGE.items() if instrument is not _recording.poll_error_statuses]


class MetricsCollector(Collector):
    """All metrics of this process, for a registry of your own: ``REGISTRY.register(MetricsCollector())``.

    The first one switches recording on. All collectors show the same numbers.

    legacy_names: also the rows of the worker guide, such as ``task_poll_counter``, which OpenMetrics cannot hold.
    """

    def __init__(self, *, legacy_names: bool = True) -> None:
        self._legacy_names = legacy_names
        for instrument, storage in _STORAGE.items():
            instrument.record_in(storage)

    def describe(self) -> Iterator[Metric]:
        """Every name once, so that a registry can check for duplicates.

        If a name came twice, the registry could not remove the collector. A counter ``x_total`` has the name ``x`` too.
        """
        for storage in _CANONICAL:
            yield from storage.describe()
        yield _ActiveWorkers(*ACTIVE_WORKERS)
        yield from _gauges.families(None)
        if not self._legacy_names:
            return
        yield _GuideRow("task_poll_counter", "", "untyped")
        for name in ("task_poll_time", "task_execute_time", "task_result_size"):
            yield _GuideRow(name, "", "summary")  # claims _sum and _count

    def collect(self) -> Iterator[Metric]:
        for storage in _CANONICAL:
            for metric in storage.collect():
                metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
                yield metric
        active = _ActiveWorkers(*ACTIVE_WORKERS, labels=["taskType"])
        for task_type, tasks in _recording.executing.by_type().items():
            active.add_metric([task_type], tasks)
        yield active
        yield from _gauges.families(_runners.health())
        if self._legacy_names:
            yield from self._guide_rows()

    def _guide_rows(self) -> Iterator[Metric]:
        """The metrics with the worker guide's names: untyped, because a counter's name must end with ``_total``."""
        yield _untyped("task_poll_counter", _sums(_recording.polls, ("taskType",), {"_total": ""}))
        errors = _sums(_recording.poll_error_statuses, ("taskType", "status"), {"_total": ""})
        yield _untyped(
            "task_poll_error", ((end, {**labels, "includeRetries": "false"}, n) for end, labels, n in errors)
        )
        yield _untyped("task_execute_error", _sums(_recording.execute_errors, ("taskType",), {"_total": ""}))
        yield _untyped("task_update_error", _sums(_recording.update_errors, ("taskType",), {"_total": ""}))
        summary = {"_sum": "_sum", "_count": "_count"}
        yield _untyped("task_poll_time", _sums(_recording.poll_time, ("taskType",), summary))
        yield _untyped("task_execute_time", _sums(_recording.execute_time, ("taskType",), summary))
        yield _untyped("task_result_size", _sums(_recording.result_size, ("taskType",), summary))


class _ActiveWorkers(GaugeMetricFamily):
    """Its class shows that a registry already holds a MetricsCollector."""


class _GuideRow(Metric):
    """A metric of the worker guide. Its class shows that the MetricsCollector of a registry has the legacy names."""


_Row = tuple[str, dict[str, str], float]


def _sums(instrument: _recording.Instrument, labels: tuple[str, ...], ends: dict[str, str]) -> Iterator[_Row]:
    """(end of the name, labels, value) of an instrument's samples, summed over all but the named labels."""
    sums: defaultdict[tuple[str, tuple[str, ...]], float] = defaultdict(float)
    for metric in _STORAGE[instrument].collect():
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
    """Serves a registry and the health pages over HTTP until ``close()``. A context manager.

    look: returns the health that the pages tell.
    """

    def __init__(
        self, settings: MetricsSettings, registry: CollectorRegistry, look: Callable[[], Health] = _runners.health
    ) -> None:
        app = _with_health_pages(_app_at(settings, registry), settings.endpoint, look)
        try:
            kind = _IPv6Server if ":" in settings.host else _Server
            self._server = make_server(settings.host, settings.port, app, kind, _Handler)
        except (OSError, TypeError) as error:  # the latter for a host that is no name in IDNA
            place = f"{settings.host}:{settings.port}"
            raise ConfigurationError(f"metrics cannot be served on {place}: {_cause(error)}") from error
        self.port: int = self._server.server_port
        """The port in use, also if the settings have port 0."""
        self._thread = threading.Thread(target=self._server.serve_forever, name="conductor-metrics", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving and free the port. Blocks until that is done. Repeating it changes nothing."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _cause(error: OSError | TypeError) -> str:
    if not isinstance(error, OSError):
        return str(error)
    return "the port is in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)


def _with_health_pages(metrics: WSGIApplication, endpoint: str, look: Callable[[], Health]) -> WSGIApplication:
    """The health pages beside the metrics. A page whose path is the endpoint of the metrics is not served."""
    pages = {path: page for path, page in _health_pages.PAGES.items() if path != endpoint}

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        page = pages.get(environ["PATH_INFO"])
        if page is None:
            return metrics(environ, start_response)
        return _health_pages.answer(page, look, environ, start_response)

    return app


def _app_at(settings: MetricsSettings, registry: CollectorRegistry) -> WSGIApplication:
    app = make_wsgi_app(registry)
    path = settings.endpoint.encode().decode("latin-1")  # how WSGI spells a path

    def at_endpoint(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != path:
            start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
            return [f"metrics are at {settings.endpoint}, and the health of the workers is at /\n".encode()]
        if settings.legacy_names:  # OpenMetrics forbids task_x beside task_x_total
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


class _IPv6Server(_Server):
    address_family = socket.AF_INET6


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

    The same port tells the health of all runners of the process: /healthz, /readyz, /health.json, and / for people.

    registry: a registry of your own. It gets a MetricsCollector, unless it has one, and is served as a whole.
    ConfigurationError if the port is in use, or if the registry has other metrics of the same names.
    """
    require_instance("settings", settings, MetricsSettings | None, "a MetricsSettings")
    require_instance("registry", registry, CollectorRegistry | None, "a CollectorRegistry")
    registry = CollectorRegistry() if registry is None else registry
    settings = MetricsSettings() if settings is None else settings
    _register(registry, settings.legacy_names)
    return MetricsServer(settings, registry)


def _register(registry: CollectorRegistry, legacy_names: bool) -> None:
    try:
        registry.register(MetricsCollector(legacy_names=legacy_names))
    except ValueError as error:  # names are taken: by a collector of ours, or by somebody else's
        kinds = {type(metric) for metric in registry.collect()}
        if _ActiveWorkers not in kinds:
            raise ConfigurationError(f"registry has other metrics under the names of ours: {error}") from error
        if _GuideRow in kinds and not legacy_names:
            said = "registry has a MetricsCollector with the legacy names: use MetricsCollector(legacy_names=False)"
            raise ConfigurationError(said) from None
