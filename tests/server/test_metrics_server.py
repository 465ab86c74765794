"""Metrics over HTTP, and that importing the package starts nothing."""

import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest
from prometheus_client import CollectorRegistry, Counter

from conductor import ConfigurationError, MetricsSettings, provide_metrics
from support.stub import UPDATE_V2, error
from support.waiting import eventually

ANY_PORT = MetricsSettings(port=0)


def scrape(server, path="/metrics", accept="text/plain"):
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
        return answer.headers["Content-Type"], answer.read().decode()


def test_metrics_are_served_at_the_endpoint_and_nowhere_else():
    with provide_metrics(MetricsSettings(port=0, endpoint="/of/workers")) as server:
        content_type, text = scrape(server, "/of/workers")
        assert content_type.startswith("text/plain")
        assert "# TYPE task_poll_counter untyped" in text
        with pytest.raises(urllib.error.HTTPError, match="404"):
            scrape(server, "/metrics")


def test_the_text_format_is_served_whatever_is_asked_for():
    with provide_metrics(ANY_PORT) as server:
        content_type, text = scrape(server, accept="application/openmetrics-text; version=1.0.0")
        assert content_type.startswith("text/plain; version=")
        assert "# EOF" not in text


def test_it_listens_on_the_loopback_address_alone():
    with provide_metrics(ANY_PORT) as server:
        assert server._server.server_address[0] == "127.0.0.1"


def test_the_defaults_are_port_2112_and_metrics():
    assert (MetricsSettings().host, MetricsSettings().port, MetricsSettings().endpoint) == (
        "127.0.0.1",
        2112,
        "/metrics",
    )


def test_a_port_in_use_is_an_error_that_names_it():
    with provide_metrics(ANY_PORT) as server:
        with pytest.raises(ConfigurationError, match=rf"127\.0\.0\.1:{server.port}: .*in use"):
            provide_metrics(MetricsSettings(port=server.port))
        scrape(server)


def test_close_frees_the_port_ends_the_thread_and_may_be_repeated():
    server = provide_metrics(ANY_PORT)
    server.close()
    server.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "conductor-metrics"]
    provide_metrics(MetricsSettings(port=server.port)).close()


def test_a_registry_of_ones_own_is_served_as_a_whole_and_may_be_given_twice():
    registry = CollectorRegistry()
    Counter("orders", "Of the user's own", registry=registry).inc()
    with provide_metrics(ANY_PORT, registry) as first, provide_metrics(ANY_PORT, registry) as second:
        for server in (first, second):
            _, text = scrape(server)
            assert "orders_total 1.0" in text
            assert text.count("# TYPE task_poll_counter untyped") == 1


def test_a_scraper_that_says_nothing_holds_up_neither_others_nor_close():
    server = provide_metrics(ANY_PORT)
    with socket.create_connection(("127.0.0.1", server.port)):
        scrape(server)
        server.close()


def test_a_runner_is_counted(stub, runner):
    with provide_metrics(ANY_PORT) as server:
        stub.answers[UPDATE_V2].append(error(500, "once"))
        stub.add_task("counted", externalInputPayloadStoragePath="there")
        runner.start_worker("counted", lambda task: {"a": 1})
        eventually(lambda: len(stub.results()) == 2)
        runner.shutdown()
        assert runner.wait_workers(timeout=5)
        _, text = scrape(server)
    for line in (
        'task_execution_started_total{taskType="counted"} 1.0',
        'task_execute_time_seconds_count{status="SUCCESS",taskType="counted"} 1.0',
        'task_update_error_total{exception="ServerError",taskType="counted"} 1.0',
        'task_update_time_seconds_count{status="SUCCESS",taskType="counted"} 1.0',
        'task_result_size_sum{taskType="counted"} 7.0',
        'active_workers{taskType="counted"} 0.0',
        'external_payload_used_total{entityName="counted",operation="READ",payloadType="TASK_INPUT"} 1.0',
    ):
        assert f"{line}\n" in text
    assert 'http_api_client_request_seconds_count{method="GET",status="200",uri="/tasks/poll/batch/{tasktype}"}' in text


def test_importing_the_package_starts_no_thread_registers_nothing_and_pulls_in_no_extra():
    code = """
import conductor, sys, threading
from prometheus_client import REGISTRY
assert threading.active_count() == 1
assert "task_poll" not in {metric.name for metric in REGISTRY.collect()}
extras = {"httpx", "attrs", "attr", "requests", "rich", "opentelemetry", "pydantic", "conductor.testing"}
assert not extras & set(sys.modules), extras & set(sys.modules)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
