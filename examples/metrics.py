"""Three ways to let Prometheus read the metrics."""

from prometheus_client import CollectorRegistry

from conductor import MetricsCollector, MetricsServer, MetricsSettings, provide_metrics


def by_default() -> MetricsServer:
    return provide_metrics()  # serves http://127.0.0.1:2112/metrics from a thread, until .close()


def with_metrics_of_your_own(registry: CollectorRegistry) -> MetricsServer:
    return provide_metrics(MetricsSettings(port=9100, host="0.0.0.0"), registry)  # serves all its metrics


def served_by_yourself(registry: CollectorRegistry) -> None:
    registry.register(MetricsCollector())
