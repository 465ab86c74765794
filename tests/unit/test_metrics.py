"""What is recorded, under which names, and that recording can fail nothing."""

import contextlib
import dataclasses
import os
import signal
import threading
import uuid
import warnings

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families as parse_text

from conductor import MetricsCollector, _recording as metrics
from conductor.errors import NotFoundError, ServerError, TransportError


@pytest.fixture
def registry():
    registry = CollectorRegistry()
    registry.register(MetricsCollector())
    return registry


@pytest.fixture
def name():
    """A task type that no other test counts."""
    return uuid.uuid4().hex


@pytest.fixture
def value(registry, name):
    """A sample's value by its name and further labels."""
    return lambda sample, **labels: registry.get_sample_value(sample, {"taskType": name, **labels})


def test_a_poll_feeds_both_sets_of_names(value, name):
    metrics.poll_finished(name, 0.02)
    metrics.poll_finished(name, 3.0, NotFoundError(404, "GET", "/x", "gone"))
    metrics.poll_finished(name, 0.1, TransportError("refused"))
    assert value("task_poll_total") == 3
    assert value("task_poll_time_seconds_count", status="SUCCESS") == 1
    assert value("task_poll_time_seconds_bucket", status="SUCCESS", le="0.025") == 1
    assert value("task_poll_time_seconds_bucket", status="SUCCESS", le="0.01") == 0
    assert value("task_poll_time_seconds_sum", status="FAILURE") == pytest.approx(3.1)
    assert value("task_poll_error_total", exception="NotFoundError") == 1
    assert value("task_poll_error_total", exception="TransportError") == 1
    assert value("task_poll_counter") == 3
    assert value("task_poll_time_count") == 3
    assert value("task_poll_time_sum") == pytest.approx(3.12)
    assert value("task_poll_error", includeRetries="false", status="404") == 1
    assert value("task_poll_error", includeRetries="false", status="0") == 1


@dataclasses.dataclass(eq=False)
class Source:
    """A worker that executes tasks."""

    task_name: str
    executing: int = 0


def test_the_gauge_shows_how_many_tasks_the_workers_of_a_type_execute_when_it_is_read(value, name):
    assert value("active_workers") is None
    workers = [Source(name, 2), Source(name, 3)]
    for worker in workers:
        metrics.executing.add(worker)
    assert value("active_workers") == 5
    workers[0].executing = 0
    assert value("active_workers") == 3


def test_a_type_that_has_no_worker_any_more_stays_at_0(value, name):
    worker = Source(name, 2)
    metrics.executing.add(worker)
    assert value("active_workers") == 2
    del worker
    assert value("active_workers") == 0


def test_workers_may_come_while_the_gauge_is_read(registry, name):
    def come():
        for _ in range(300):
            metrics.executing.add(Source(name, 1))

    threads = [threading.Thread(target=come) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        generate_latest(registry)
    assert registry.get_sample_value("active_workers", {"taskType": name}) == 0


def test_an_execution_is_counted_and_timed(value, name):
    metrics.executions.count(name)
    metrics.executions.count(name)
    metrics.execution_finished(name, 0.5)
    metrics.execution_finished(name, 1.5, "KeyError")
    assert value("task_execution_started_total") == 2
    assert value("task_execute_time_seconds_count", status="SUCCESS") == 1
    assert value("task_execute_time_seconds_count", status="FAILURE") == 1
    assert value("task_execute_error_total", exception="KeyError") == 1
    assert value("task_execute_time_sum") == 2.0
    assert value("task_execute_time_count") == 2
    assert value("task_execute_error") == 1


def test_an_update_and_its_size(value, name):
    metrics.update_finished(name, 0.1)
    metrics.update_finished(name, 0.1, ServerError(500, "POST", "/tasks", "x"))
    metrics.result_size.observe(250, name)
    assert value("task_update_time_seconds_count", status="FAILURE") == 1
    assert value("task_update_error_total", exception="ServerError") == 1
    assert value("task_update_error") == 1
    assert value("task_result_size_bytes_bucket", le="1000.0") == 1
    assert value("task_result_size_bytes_bucket", le="100.0") == 0
    assert (value("task_result_size_sum"), value("task_result_size_count")) == (250, 1)


def test_the_rest_of_the_catalogue(registry, value, name):
    metrics.queue_full.count(name)
    metrics.paused.count(name)
    metrics.uncaught.count_error(LookupError())
    metrics.payloads.count(name, "READ", "TASK_INPUT")
    metrics.start_errors.count_error(NotFoundError(404, "POST", "/x", "no"), name)
    metrics.input_size.observe(5, name, "")
    metrics.http_request("GET", f"/{name}", 0, 0.1)
    assert value("task_execution_queue_full_total") == 1
    assert value("task_paused_total") == 1
    get = registry.get_sample_value
    assert get("thread_uncaught_exceptions_total", {"exception": "LookupError"}) >= 1
    payload = {"entityName": name, "operation": "READ", "payloadType": "TASK_INPUT"}
    assert get("external_payload_used_total", payload) == 1
    assert get("workflow_start_error_total", {"workflowType": name, "exception": "NotFoundError"}) == 1
    assert get("workflow_input_size_bytes_count", {"workflowType": name, "version": ""}) == 1
    request = {"method": "GET", "uri": f"/{name}", "status": "0"}
    assert get("http_api_client_request_seconds_count", request) == 1


def test_the_guides_rows_are_untyped_and_the_canonical_ones_are_not(registry, name):
    metrics.poll_finished(name, 0.1)
    text = generate_latest(registry).decode()
    for row in (
        "task_poll_error",
        "task_execute_error",
        "task_update_error",
        "task_poll_counter",
        "task_poll_time",
        "task_execute_time",
        "task_result_size",
    ):
        assert f"# TYPE {row} untyped\n" in text
    assert "# TYPE task_poll_total counter\n" in text
    assert "# TYPE task_poll_time_seconds histogram\n" in text
    assert "# TYPE active_workers gauge\n" in text
    assert "_created" not in text


def test_the_text_format_can_be_parsed(registry, name):
    metrics.poll_finished(name, 0.1, TransportError("x"))
    families = parse_text(generate_latest(registry).decode())
    samples = [sample for family in families for sample in family.samples if sample.labels.get("taskType") == name]
    assert {"task_poll_error", "task_poll_error_total", "task_poll_time_sum"} <= {sample.name for sample in samples}


def test_many_threads_lose_no_count(value, name):
    def record():
        for _ in range(500):
            metrics.executions.count(name)
            metrics.execution_finished(name, 0.001)

    threads = [threading.Thread(target=record) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert value("task_execution_started_total") == value("task_execute_time_count") == 4000


def test_ten_thousand_different_errors_are_one_series(registry, name):
    for number in range(10_000):
        metrics.update_finished(name, 0.1, TransportError(f"error {number}"))
    text = generate_latest(registry).decode()
    series = [line for line in text.splitlines() if line.startswith("task_update_error_total") and name in line]
    assert series == [f'task_update_error_total{{exception="TransportError",taskType="{name}"}} 10000.0']


def test_what_cannot_be_recorded_is_said_once_for_each_instrument_and_raises_nothing(caplog):
    class Broken:
        def labels(self, *values):
            raise ValueError

    one, other = metrics.Counter("one", "", "taskType"), metrics.Histogram((1,), "other", "", "taskType")
    for instrument in (one, other):
        instrument.record_in(Broken())
    for _ in range(3):
        one.count("t")
        other.observe(0.5, "t")
    assert [entry.levelname for entry in caplog.records] == ["ERROR", "ERROR"]
    assert "this is said once for one" in caplog.text
    assert "this is said once for other" in caplog.text


@pytest.mark.parametrize(
    "record",
    [
        lambda: metrics.poll_finished("t", "soon"),
        lambda: metrics.result_size.observe(None, "t"),
        lambda: metrics.execution_finished("t", object()),
    ],
)
def test_a_value_that_cannot_be_recorded_raises_nothing(registry, record):
    record()


@pytest.mark.parametrize("task_type", [None, 7, object(), ["a"]])
def test_a_task_type_that_is_no_string_raises_nothing(registry, task_type):
    metrics.poll_finished(task_type, 0.1)
    metrics.executions.count(task_type)
    metrics.execution_finished(task_type, 0.1)
    generate_latest(registry)


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -1.0])
def test_a_duration_that_is_none_raises_nothing_and_can_be_served(registry, name, seconds):
    metrics.execution_finished(name, seconds)
    assert list(parse_text(generate_latest(registry).decode()))


def test_all_collectors_show_the_same_numbers(registry, name):
    metrics.paused.count(name)
    second = CollectorRegistry()
    second.register(MetricsCollector())
    labels = {"taskType": name}
    assert second.get_sample_value("task_paused_total", labels) == 1
    assert registry.get_sample_value("task_paused_total", labels) == 1


def test_a_second_collector_in_one_registry_is_refused_by_the_registry(registry):
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        registry.register(MetricsCollector())


def test_a_collector_can_leave_a_registry_and_another_can_join(name):
    registry, collector = CollectorRegistry(), MetricsCollector()
    registry.register(collector)
    registry.unregister(collector)
    assert not list(registry.collect())
    registry.register(MetricsCollector())
    metrics.paused.count(name)
    assert registry.get_sample_value("task_paused_total", {"taskType": name}) == 1


def test_a_collector_claims_each_name_that_it_gives(registry, name):
    metrics.poll_finished(name, 0.1, TransportError("x"))
    metrics.executions.count(name)
    metrics.execution_finished(name, 0.1, "KeyError")
    metrics.update_finished(name, 0.1, TransportError("x"))
    metrics.result_size.observe(1, name)
    given = {sample.name for family in registry.collect() for sample in family.samples}
    assert "task_result_size_sum" in given
    for sample in given:
        assert list(registry.restricted_registry([sample]).collect()), f"{sample} is not claimed"


def in_a_fork(deed):
    """The number that the deed returns in a forked child; -SIGALRM when it does not end by itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of every fork beside threads
        child = os.fork()
    if not child:
        code = 255
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)  # pytest-timeout has a handler of its own
            signal.alarm(5)
            code = deed()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("held", [contextlib.nullcontext(), metrics._lock], ids=["free", "held by another thread"])
def test_a_forked_child_counts_its_own_running_tasks_whatever_its_parent_was_doing(value, name, held):
    def record():
        metrics.executions.count(name)
        own = Source(name, 2)
        metrics.executing.add(own)
        return int(value("active_workers"))

    worker = Source(name, 1)
    metrics.executing.add(worker)
    with held:
        assert in_a_fork(record) == 2
    assert value("active_workers") == 1


def series_of(registry, name):
    """How many series have this label value."""
    return sum(name in sample.labels.values() for metric in registry.collect() for sample in metric.samples)


def test_classes_that_are_made_anew_for_each_error_make_no_series_each(registry, name, value):
    for number in range(1_500):
        metrics.execution_finished(name, 0.1, f"Error{number}")
    metrics.execution_finished(name, 0.1, "Error3")
    assert value("task_execute_error_total", exception="other") == 1_400
    assert value("task_execute_error_total", exception="Error3") == 2
    assert value("task_execute_error") == 1_501
    before = series_of(registry, name)
    metrics.execution_finished(name, 0.1, "One more")
    assert series_of(registry, name) == before


@pytest.mark.parametrize(
    "record",
    [
        lambda error, name: metrics.poll_finished(name, 0.1, error),
        lambda error, name: metrics.update_finished(name, 0.1, error),
        metrics.lease_errors.count_error,
        metrics.start_errors.count_error,
    ],
)
def test_so_it_is_for_every_metric_of_errors_and_none_hides_those_of_another_type(registry, name, record):
    for number in range(300):
        record(type(f"Error{number}", (TransportError,), {})("x"), name)
    before = series_of(registry, name)
    assert before < 250
    record(type("OneMore", (TransportError,), {})("x"), name)
    assert series_of(registry, name) == before
    record(type("OneMore", (TransportError,), {})("x"), f"other than {name}")
    samples = [sample for metric in registry.collect() for sample in metric.samples]
    assert [s for s in samples if f"other than {name}" in s.labels.values() and s.labels.get("exception") == "OneMore"]


@pytest.mark.parametrize("odd", ["x" * 1_000_000, "two\nlines", "\x1b[31m" * 100, "\ud800"])
def test_the_name_of_a_class_is_short_and_can_be_printed(registry, name, odd):
    metrics.execution_finished(name, 0.1, odd)
    labels = [sample.labels for metric in registry.collect() for sample in metric.samples]
    (shown,) = [each["exception"] for each in labels if each.get("taskType") == name and "exception" in each]
    assert len(shown) <= 100
    assert shown.isprintable()
    assert list(parse_text(generate_latest(registry).decode()))


def test_statuses_of_which_there_is_no_number_make_no_series_each(registry, name):
    for status in (0, 200, 404, 599, *range(600, 2_100), -1, 99):
        metrics.http_request("GET", name, status, 0.1)
        metrics.poll_finished(name, 0.1, ServerError(status, "GET", "/x", "no"))
    labels = [sample.labels for metric in registry.collect() for sample in metric.samples]
    assert {each["status"] for each in labels if each.get("uri") == name} == {"0", "200", "404", "599", "other"}
    polls = {each["status"] for each in labels if each.get("taskType") == name and "includeRetries" in each}
    assert polls == {"0", "200", "404", "599", "other"}


def test_of_all_valid_statuses_a_hundred_are_told_apart(registry, name):
    for status in range(100, 600):
        metrics.http_request("GET", name, status, 0.1)
    labels = [sample.labels for metric in registry.collect() for sample in metric.samples]
    assert len({each["status"] for each in labels if each.get("uri") == name}) == 101
