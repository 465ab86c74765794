"""Metrics that cannot be served or recorded, and settings that cannot work: said at once, and no task suffers."""

import contextlib
import logging
import math
import os
import re
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.multiprocess import MultiProcessCollector

from conductor import (
    ApiClient,
    AuthenticationSettings,
    ConfigurationError,
    HttpSettings,
    MetricsCollector,
    MetricsSettings,
    TaskExecutor,
    TaskRunner,
    _recording,
    provide_metrics,
)
from conductor.testing import FakeTaskClient
from support.waiting import eventually

ANY_PORT = MetricsSettings(port=0)


def scrape(server, path="/metrics"):
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=20) as answer:
        return answer.read().decode()


def work(task):
    return None


def test_x1_a_port_in_use_is_an_error_that_names_it():
    with provide_metrics(ANY_PORT) as server:
        with pytest.raises(ConfigurationError, match=rf"127\.0\.0\.1:{server.port}: the port is in use$"):
            provide_metrics(MetricsSettings(port=server.port))
        scrape(server)


def listening_on(port):
    """The IPv4 addresses on which this machine accepts connections to the port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    local = [row[1].split(":") for row in rows if row[3] == "0A"]
    return {socket.inet_ntoa(bytes.fromhex(address)[::-1]) for address, number in local if int(number, 16) == port}


def test_x2_nobody_else_can_read_the_metrics_unless_the_settings_say_so():
    with provide_metrics(ANY_PORT) as server:
        assert listening_on(server.port) == {"127.0.0.1"}
    with provide_metrics(MetricsSettings(port=0, host="0.0.0.0")) as server:
        assert listening_on(server.port) == {"0.0.0.0"}


def label_values():
    registry = CollectorRegistry()
    registry.register(MetricsCollector())
    return {value for metric in registry.collect() for sample in metric.samples for value in sample.labels.values()}


def test_x3_no_label_holds_an_id_or_an_errors_text(counted):
    def worker(task):
        raise ValueError(f"of task {task.task_id}")

    logging.getLogger("conductor.runner").setLevel(logging.CRITICAL)  # two thousand tracebacks
    try:
        client = FakeTaskClient()
        for _ in range(2_000):
            client.add_task("many")
        with TaskRunner(client) as runner:
            runner.start_worker("many", worker, batch_size=10, poll_timeout=0.01)
            client.results(2_000, timeout=30)
    finally:
        logging.getLogger("conductor.runner").setLevel(logging.NOTSET)
    assert counted("task_execute_error_total", taskType="many", exception="ValueError") == 2_000
    assert [value for value in label_values() if re.search(r"task-\d", value)] == []


def test_x3_no_label_holds_a_path_with_an_id(server, api_client, runner, counted):
    executor = TaskExecutor(api_client)
    ids = server.add_tasks("t", 3)
    for task_id in ids:
        executor.get_task(task_id)
    runner.start_worker("t", work)
    eventually(lambda: len(server.accepted) == 3)
    assert counted("http_api_client_request_seconds_count", uri="/tasks/{task_id}") == 3
    assert not {value for value in label_values() if value.endswith(tuple(f"/{each}" for each in [*ids, "t"]))}


ONE_TASK = """
from conductor import MetricsCollector, TaskRunner
from conductor.testing import FakeTaskClient

MetricsCollector()
client = FakeTaskClient()
client.add_task("shared")
with TaskRunner(client) as runner:
    runner.start_worker("shared", lambda task: None, poll_timeout=0.01)
    client.results(1)
"""


def test_x4_counts_of_several_processes_add_up_and_do_not_fall_when_one_ends_or_begins(tmp_path):
    def run():
        environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
        return subprocess.Popen([sys.executable, "-W", "error", "-c", ONE_TASK], env=environment)

    def executions():
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(tmp_path))
        return registry.get_sample_value("task_execution_started_total", {"taskType": "shared"})

    assert [process.wait(20) for process in (run(), run())] == [0, 0]
    files = set(tmp_path.iterdir())
    assert executions() == 2
    assert run().wait(20) == 0
    assert executions() == 3
    assert files < set(tmp_path.iterdir())


def test_x5_scrapers_that_hang_hold_up_neither_tasks_nor_other_scrapers_nor_the_end(server, runner):
    metrics = provide_metrics(ANY_PORT)
    with contextlib.ExitStack() as hanging:
        for _ in range(12):
            hanging.enter_context(socket.create_connection(("127.0.0.1", metrics.port)))
        server.add_task("t")
        runner.start_worker("t", work)
        eventually(lambda: server.accepted)
        assert 'task_execution_started_total{taskType="t"}' in scrape(metrics)
        metrics.close()
        provide_metrics(MetricsSettings(port=metrics.port)).close()


def test_x5_a_scraper_that_sends_no_request_is_given_up_quietly(monkeypatch, caplog, capfd):
    monkeypatch.setattr("conductor.metrics._Handler.timeout", 0.01)
    caplog.set_level(logging.DEBUG, "conductor.metrics")
    with (
        provide_metrics(ANY_PORT) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=5) as hanging,
    ):
        assert hanging.recv(1) == b""
        eventually(lambda: "a scraper was given up" in caplog.text)
    assert {record.levelname for record in caplog.records} == {"DEBUG"}
    assert capfd.readouterr() == ("", "")


def test_x5_a_scraper_that_does_not_read_is_given_up_quietly(monkeypatch, caplog, capfd):
    monkeypatch.setattr("conductor.metrics._Handler.timeout", 0.2)
    caplog.set_level(logging.DEBUG, "conductor.metrics")
    registry = CollectorRegistry()
    big = Counter("big", "Longer than what a socket buffers", ["text"], registry=registry)
    big.labels("x" * 30_000_000).inc()
    before = set(threading.enumerate())
    with provide_metrics(ANY_PORT, registry) as server, socket.create_connection(("127.0.0.1", server.port)) as stalled:
        stalled.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert stalled.recv(1, socket.MSG_PEEK)  # the answer has begun
        eventually(
            lambda: not [each for each in threading.enumerate() if each not in before and "process" in each.name]
        )
    assert {record.levelname for record in caplog.records} <= {"DEBUG"}
    assert capfd.readouterr() == ("", "")


def test_x5_another_path_is_404():
    with provide_metrics(ANY_PORT) as server:
        for path in ("/healthz/", "/metrics/", "/metrics/x", "/../metrics"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                scrape(server, path)
        scrape(server)


def test_x6_metrics_that_cannot_be_recorded_fail_no_task(server, runner, monkeypatch):
    def worker(task):
        if task.task_id == "t1":
            raise ValueError

    MetricsCollector()
    for instrument in _recording.CATALOGUE:
        monkeypatch.setattr(instrument, "series", {})  # which has none
    server.add_tasks("t", 3)
    runner.start_worker("t", worker, lease_extension=True)
    eventually(lambda: server.accepted == {"t1": "FAILED", "t2": "COMPLETED", "t3": "COMPLETED"})
    runner.shutdown()
    assert runner.wait_workers(timeout=5)


def test_x7_metrics_may_be_registered_twice_and_two_runners_counted_together(counted):
    registry = CollectorRegistry()
    clients = FakeTaskClient(), FakeTaskClient()
    with (
        provide_metrics(ANY_PORT, registry) as first,
        provide_metrics(ANY_PORT, registry) as second,
        provide_metrics(ANY_PORT) as third,
        TaskRunner(clients[0]) as one,
        TaskRunner(clients[1]) as other,
    ):
        for client, runner in zip(clients, (one, other), strict=True):
            client.add_task("twice")
            runner.start_worker("twice", work, poll_timeout=0.01)
            client.results(1)
        assert counted("task_execution_started_total", taskType="twice") == 2
        for server in (first, second, third):
            assert scrape(server).count('task_execution_started_total{taskType="twice"}') == 1


@pytest.mark.parametrize(
    "url",
    [
        "host:8080",
        "ftp://host",
        "http://ho st",
        "http://host/\r\nX: y",
        "http://",
        "http://host:port",
        "http://host:99999",
        "http://[::1",
        "http://host/api/api",
        "http://host/?a=b",
        "http://host/#part",
        "",
        7,
    ],
)
def test_c1_a_url_that_cannot_work_is_refused_by_name(url):
    with pytest.raises(ConfigurationError, match="base_url"):
        HttpSettings(url)


def test_c1_a_password_in_the_url_is_refused_and_not_repeated():
    with pytest.raises(ConfigurationError, match="base_url must not hold a user") as caught:
        HttpSettings("http://user:hush@host")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("end", ["", "/", "/api", "/api/", "//"])
def test_c1_a_url_may_end_as_it_likes(end):
    assert HttpSettings(f"https://host:8080{end}").base_url == "https://host:8080/api"


@pytest.fixture
def idle_runner():
    with TaskRunner(FakeTaskClient()) as runner:
        yield runner


def refused(runner, match, task_name="t", execute=work, **settings):
    with pytest.raises(ConfigurationError, match=match):
        runner.start_worker(task_name, execute, **settings)
    assert runner.get_batch_size_for_all() == {}


NO_DURATION = [-1, math.nan, math.inf, "1", True, timedelta(seconds=-1)]


@pytest.mark.parametrize("batch_size", [0, -1, 2.0, True, "3", None])
def test_c2_a_batch_size_that_cannot_work_is_refused_by_name(idle_runner, batch_size):
    refused(idle_runner, "batch_size", batch_size=batch_size)
    idle_runner.start_worker("t", work, poll_timeout=0.01)
    changes = [idle_runner.increase_batch_size, idle_runner.decrease_batch_size]
    if batch_size != 0:  # which it may be set to: no new tasks, for a while
        changes.append(idle_runner.set_batch_size)
    for change in changes:
        with pytest.raises(ConfigurationError, match="batch_size"):
            change("t", batch_size)
    assert idle_runner.get_batch_size_for_task("t") == 1


@pytest.mark.parametrize("value", NO_DURATION)
def test_c2_a_duration_that_cannot_work_is_refused_by_name(idle_runner, value):
    for name in ("poll_interval", "poll_timeout", "timeout"):
        refused(idle_runner, name, **{name: value})
    idle_runner.start_worker("t", work, poll_timeout=0.01)
    for change, name in (
        (idle_runner.set_poll_interval_for_task, "poll_interval"),
        (idle_runner.set_poll_timeout_for_task, "poll_timeout"),
    ):
        with pytest.raises(ConfigurationError, match=name):
            change("t", value)
    with pytest.raises(ConfigurationError, match="timeout"):
        idle_runner.wait_workers(timeout=value)
    with pytest.raises(ConfigurationError, match="shutdown_timeout"):
        TaskRunner(FakeTaskClient(), shutdown_timeout=value)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"execute": None}, "execute"),
        ({"lease_extension": "yes"}, "lease_extension"),
        ({"executor": 4}, "executor"),
        ({"timeout": 0}, "timeout"),
    ],
)
def test_c2_other_settings_that_cannot_work_are_refused_by_name(idle_runner, settings, name):
    refused(idle_runner, name, **settings)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"worker_id": ""}, "worker_id"),
        ({"worker_id": 7}, "worker_id"),
        ({"on_result_lost": "log"}, "on_result_lost"),
        ({"outbox": "/no/such/directory/outbox.db"}, "outbox"),
        ({"outbox": 7}, "outbox"),
    ],
)
def test_c2_a_runner_that_cannot_work_is_refused_by_name(settings, name):
    with pytest.raises(ConfigurationError, match=name):
        TaskRunner(FakeTaskClient(), **settings)


def test_c2_two_processes_are_two_pollers(server, api_client):
    """By default: the server shows which of a machine's processes took a task."""
    with TaskRunner(api_client) as runner:
        runner.start_worker("t", work, poll_timeout=0.01)
        (poll,) = eventually(lambda: server.of("poll")[:1])
    assert poll.query["workerid"] == f"{socket.gethostname()}-{os.getpid()}"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\nb", "a\x00", "\x85", "\ud800", None, 5])
def test_c3_a_name_that_cannot_stand_in_a_path_is_refused(idle_runner, name):
    refused(idle_runner, "task_name", task_name=name)
    executor = TaskExecutor(ApiClient(http_settings=HttpSettings("http://127.0.0.1:1")))  # where no server is
    for call in (executor.get_task, executor.get_logs, executor.requeue, executor.queue_size):
        with pytest.raises(ConfigurationError):
            call(name)


@pytest.mark.parametrize("domain", ["", " ", "\ud800", "a\nb", "a\x85b", 5, "NO_DOMAIN", "no_domain", " No_Domain "])
def test_c3_a_domain_that_no_queue_has_is_refused(idle_runner, domain):
    refused(idle_runner, "domain", domain=domain)


@pytest.mark.parametrize("poll_timeout", [5.001, 5000, timedelta(seconds=6)])
def test_c4_a_poll_longer_than_a_server_allows_is_refused(idle_runner, poll_timeout):
    refused(idle_runner, "poll_timeout must be at most 5 s", poll_timeout=poll_timeout)
    idle_runner.start_worker("t", work, poll_timeout=0.01)
    with pytest.raises(ConfigurationError, match="poll_timeout must be at most 5 s"):
        idle_runner.set_poll_timeout_for_task("t", poll_timeout)


def test_c5_no_poll_is_longer_than_what_gateways_usually_wait_for():
    with ApiClient(AuthenticationSettings("", ""), HttpSettings("http://host", read_timeout=3600)) as client:
        longest_poll, longest_margin = 5, client.short_timeout
    assert longest_poll + longest_margin <= 15


def test_c5_a_task_without_a_lease_is_not_extended(server, runner, clock, gate):
    server._clock = clock.now
    server.add_task("t", responseTimeoutSeconds=0)
    runner.start_worker("t", gate, lease_extension=True)
    gate.inside.get(timeout=5)
    clock.advance(3600)
    gate.opened.set()
    eventually(lambda: server.accepted == {"t1": "COMPLETED"})
    assert server.counts["extend"] == 0


def test_c6_the_same_worker_twice_is_refused_and_a_second_domain_is_not(idle_runner):
    idle_runner.start_worker("t", work, batch_size=2, poll_timeout=0.01)
    with pytest.raises(ConfigurationError, match="task_name 't' without a domain is running already"):
        idle_runner.start_worker("t", work, batch_size=3, poll_timeout=0.01)
    idle_runner.start_worker("t", work, batch_size=4, domain="blue", poll_timeout=0.01)
    with pytest.raises(ConfigurationError, match="task_name 't' of domain 'blue' is running already"):
        idle_runner.start_worker("t", work, domain="blue", poll_timeout=0.01)
    assert idle_runner.get_batch_size_for_all() == {("t", None): 2, ("t", "blue"): 4}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONDUCTOR_SERVER_URL", "nonsense"),
        *(("CONDUCTOR_CLIENT_HTTP_TIMEOUT", text) for text in ("soon", "0", "-1", "nan", "inf", "1e400")),
        ("CONDUCTOR_AUTH_KEY", "half of a pair"),
        ("CONDUCTOR_AUTH_SECRET", "half of a pair"),
        ("HTTP_PROXY", "http://"),
    ],
)
def test_c7_a_variable_that_cannot_work_is_refused_by_its_name(monkeypatch, name, value):
    monkeypatch.setenv("CONDUCTOR_SERVER_URL", "http://conductor.test")  # no proxy is used for this machine itself
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name) as caught:
        TaskRunner()
    assert "half of a pair" not in str(caught.value)
