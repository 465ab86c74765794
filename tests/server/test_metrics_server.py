"""Metrics over HTTP, and that importing the package starts nothing."""

import json
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics

from conductor import ConfigurationError, MetricsCollector, MetricsSettings, provide_metrics
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


def test_metrics_are_served_on_an_ipv6_address():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with (
        provide_metrics(MetricsSettings(port=0, host="::1")) as server,
        urllib.request.urlopen(f"http://[::1]:{server.port}/metrics", timeout=5) as answer,
    ):
        assert b"# TYPE task_poll_counter untyped" in answer.read()


def test_what_is_no_settings_and_no_registry_is_refused_by_name():
    with pytest.raises(ConfigurationError, match="settings must be a MetricsSettings, not 'x'"):
        provide_metrics("x")
    with pytest.raises(ConfigurationError, match="registry must be a CollectorRegistry, not 'x'"):
        provide_metrics(ANY_PORT, "x")


def test_a_host_that_no_name_service_could_know_is_refused():
    with pytest.raises(ConfigurationError, match=r"metrics cannot be served on a\.\.b\u00e4:0"):
        provide_metrics(MetricsSettings(port=0, host="a..b\u00e4"))


def test_the_text_format_is_served_whatever_is_asked_for():
    with provide_metrics(ANY_PORT) as server:
        content_type, text = scrape(server, accept="application/openmetrics-text; version=1.0.0")
        assert content_type.startswith("text/plain; version=")
        assert "# EOF" not in text


SCRAPED_WITHOUT_LEGACY_NAMES = """
import json, sys, urllib.request
from conductor import MetricsSettings, provide_metrics

with provide_metrics(MetricsSettings(port=0, legacy_names=False)) as server:
    for accept in ("application/openmetrics-text; version=1.0.0", "*/*"):
        request = urllib.request.Request(f"http://127.0.0.1:{server.port}/metrics", headers={"Accept": accept})
        with urllib.request.urlopen(request) as answer:
            print(json.dumps([answer.headers["Content-Type"], answer.read().decode()]))
"""


def test_without_the_legacy_names_openmetrics_is_served_to_those_who_ask_for_it():
    """In a process of its own: other tests of this one count times that no worker can have."""
    command = [sys.executable, "-c", SCRAPED_WITHOUT_LEGACY_NAMES]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    (content_type, text), (other_type, other_text) = map(json.loads, done.stdout.splitlines())
    assert content_type.startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")
    assert {family.name for family in openmetrics(text)} >= {"task_poll", "active_workers", "worker_free_slots"}
    assert other_type.startswith("text/plain")
    assert "untyped" not in other_text


def test_a_registry_with_the_legacy_names_cannot_be_served_without_them():
    registry = CollectorRegistry()
    registry.register(MetricsCollector())
    with pytest.raises(ConfigurationError, match=r"use MetricsCollector\(legacy_names=False\)"):
        provide_metrics(MetricsSettings(port=0, legacy_names=False), registry)
    registry = CollectorRegistry()
    registry.register(MetricsCollector(legacy_names=False))
    with provide_metrics(MetricsSettings(port=0, legacy_names=False), registry) as server:
        assert scrape(server)[1].count("# TYPE task_poll_total counter") == 1


def test_legacy_names_must_be_true_or_false():
    with pytest.raises(ConfigurationError, match="legacy_names must be True or False, not 'no'"):
        MetricsSettings(legacy_names="no")


def test_the_defaults_are_port_2112_and_metrics():
    assert (MetricsSettings().host, MetricsSettings().port, MetricsSettings().endpoint) == (
        "127.0.0.1",
        2112,
        "/metrics",
    )


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


def test_a_registry_that_has_a_collector_already_is_served_as_it_is():
    registry = CollectorRegistry()
    registry.register(MetricsCollector())
    with provide_metrics(ANY_PORT, registry) as server:
        assert scrape(server)[1].count("# TYPE task_poll_counter untyped") == 1


def test_a_registry_that_has_lost_its_collector_gets_another():
    registry, collector = CollectorRegistry(), MetricsCollector()
    registry.register(collector)
    provide_metrics(ANY_PORT, registry).close()
    registry.unregister(collector)
    with provide_metrics(ANY_PORT, registry) as server:
        assert "# TYPE task_poll_counter untyped" in scrape(server)[1]


def test_a_registry_with_other_metrics_under_the_same_names_is_refused():
    registry = CollectorRegistry()
    Gauge("active_workers", "Of the user's own", registry=registry)
    with pytest.raises(ConfigurationError, match="registry has other metrics .*active_workers"):
        provide_metrics(ANY_PORT, registry)


def test_an_endpoint_may_hold_any_letter():
    with provide_metrics(MetricsSettings(port=0, endpoint="/métriques")) as server:
        assert "task_poll_counter" in scrape(server, urllib.parse.quote("/métriques"))[1]


def test_a_collector_that_fails_is_answered_with_500_and_logged(caplog, capfd):
    class Failing:
        def collect(self):
            raise RuntimeError("out of numbers")

    registry = CollectorRegistry()
    with provide_metrics(ANY_PORT, registry) as server:
        failing = Failing()
        registry.register(failing)
        with pytest.raises(urllib.error.HTTPError, match="500"):
            scrape(server)
        registry.unregister(failing)
        scrape(server)
    assert "out of numbers" in caplog.text
    assert capfd.readouterr() == ("", "")


def test_a_runner_is_counted(stub, runner):
    with provide_metrics(ANY_PORT) as server:
        stub.answers[UPDATE_V2].append(error(500, "once"))
        stub.add_task("counted")
        runner.start_worker("counted", lambda task: {"a": 1})
        eventually(lambda: len(stub.results()) == 2)
        stub.add_task("stored", externalInputPayloadStoragePath="there")
        runner.start_worker("stored", lambda task: {"a": 1})
        eventually(lambda: len(stub.results()) == 3)
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
        'external_payload_used_total{entityName="stored",operation="READ",payloadType="TASK_INPUT"} 1.0',
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


def test_a_task_that_began_before_anybody_read_is_active_while_it_runs_and_gone_after_it():
    """In a process of its own: in this one somebody has read already."""
    code = """
import threading
import conductor
from conductor.testing import FakeTaskClient

began, goes_on = threading.Event(), threading.Event()
def work(task):
    began.set()
    goes_on.wait(10)

client = FakeTaskClient()
client.add_task("t")
with conductor.TaskRunner(client) as runner:
    runner.start_worker("t", work, poll_timeout=0.01)
    began.wait(10)
    collector = conductor.MetricsCollector()
    active = lambda: [s.value for m in collector.collect() for s in m.samples if s.name == "active_workers"]
    assert active() == [1], active()
    goes_on.set()
    client.results(1)
    assert active() == [0], active()
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
