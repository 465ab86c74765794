"""The health pages over HTTP: for probes, for programs and for people."""

import http.client
import json
import sys
from contextlib import closing
from weakref import WeakSet

import msgspec
import pytest

from conductor import Health, MetricsSettings, TaskRunner, _runners, provide_metrics
from support.stub import error
from support.waiting import Gate, eventually


@pytest.fixture
def ask(monkeypatch):
    """ask(path, method="GET"): status, headers and body. Runners of other tests are not asked."""
    monkeypatch.setattr(_runners, "_runners", WeakSet())
    with provide_metrics(MetricsSettings(port=0)) as server:
        yield lambda path, method="GET": exchange(server.port, method, path)


def exchange(port, method, path):
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()


def test_a_process_whose_workers_poll_is_healthy_and_ready(runner, ask):
    assert ask("/healthz")[::2] == (200, '{"healthy":true,"reasons":[]}')
    status, _, body = ask("/readyz")
    assert (status, json.loads(body)["reasons"][0]["text"]) == (503, "No worker has been started.")
    runner.start_worker("t", lambda task: None)
    eventually(lambda: ask("/readyz")[::2] == (200, '{"ready":true,"reasons":[]}'))
    assert ask("/healthz")[0] == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/health.json", "/"])
def test_head_has_the_status_and_headers_of_get_and_other_methods_are_405(runner, ask, path):
    status, headers, body = ask(path)
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Type"] == ("text/html; charset=utf-8" if path == "/" else "application/json")
    head_status, head_headers, nothing = ask(path, "HEAD")
    assert (head_status, head_headers["Content-Type"], nothing) == (status, headers["Content-Type"], "")
    assert int(head_headers["Content-Length"]) > 0
    assert int(headers["Content-Length"]) == len(body.encode())
    for method in ("POST", "DELETE", "OPTIONS"):
        status, headers, _ = ask(path, method)
        assert (status, headers["Allow"]) == (405, "GET, HEAD")


def test_all_runners_of_the_process_are_told_as_one_and_an_ended_one_counts_for_nothing(api_client, stub, ask):
    with TaskRunner(api_client, worker_id="one") as one, TaskRunner(api_client, worker_id="two") as two:
        one.start_worker("t", lambda task: None)
        two.start_worker("t", lambda task: None)
        eventually(lambda: ask("/readyz")[0] == 200)
        health = msgspec.json.decode(ask("/health.json")[2], type=Health)
        assert {worker.worker_id for worker in health.workers} == {"one", "two"}
        one.shutdown()
        assert one.wait_workers(timeout=10)
        eventually(lambda: ask("/readyz")[0] == 200)
        health = msgspec.json.decode(ask("/health.json")[2], type=Health)
        assert {worker.worker_id: worker.state for worker in health.workers} == {"one": "ended", "two": "polling"}
    assert [reason["code"] for reason in json.loads(ask("/readyz")[2])["reasons"]] == ["ended"]


def test_the_page_shows_workers_tasks_errors_and_rates_and_escapes_them(runner, stub, ask):
    gate = Gate()
    name = "charge<b>"

    def work(task):
        if task.task_id == "t1":
            raise ValueError("<script>no</script>")
        gate(task)

    runner.start_worker(name, work, domain="<i>", batch_size=3)
    stub.add_task(name, "<i>")
    stub.add_task(name, "<i>", taskId="<u>task")
    gate.inside.get(timeout=10)
    page = eventually(lambda: "tasks per second" in (page := ask("/")[2]) and page)
    gate.opened.set()
    for shown in ("charge&lt;b&gt;", "&lt;i&gt;", "&lt;u&gt;task", "ValueError: &lt;script&gt;no", "2 of 3", "polling"):
        assert shown in page
    for smuggled in ("charge<b>", "domain <i>", "<u>", "<script"):
        assert smuggled not in page
    assert "http-equiv=refresh" in page


def test_the_metrics_keep_an_endpoint_that_is_the_path_of_a_page(runner):
    with provide_metrics(MetricsSettings(port=0, endpoint="/")) as server:
        assert "# TYPE task_poll_total counter" in exchange(server.port, "GET", "/")[2]
        assert exchange(server.port, "GET", "/healthz")[0] == 200


def test_the_state_of_the_workers_is_in_the_metrics(runner, stub, ask):
    gate = Gate()
    runner.start_worker("t", gate, batch_size=3, domain="blue")
    stub.add_task("t", "blue")
    gate.inside.get(timeout=10)
    text = ask("/metrics")[2]
    for line in (
        'worker_slots{domain="blue",taskType="t"} 3.0',
        'worker_free_slots{domain="blue",taskType="t"} 2.0',
        "worker_healthy 1.0",
        "worker_ready 1.0",
    ):
        assert f"{line}\n" in text
    assert 'worker_poll_age_seconds{domain="blue",taskType="t"} ' in text
    gate.opened.set()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such a name of a file")
def test_the_path_of_an_outbox_need_not_be_utf8(api_client, tmp_path, ask):
    with TaskRunner(api_client, outbox=f"{tmp_path}/\udcff.db") as runner:
        runner.start_worker("t", lambda task: None)
        assert json.loads(ask("/health.json")[2])["outboxes"][0]["path"] == rf"{tmp_path}/\udcff.db"
        assert "outbox_results" in ask("/metrics")[2]
        assert ask("/")[0] == 200


def test_results_that_wait_in_the_outbox_are_counted(api_client, stub, tmp_path, ask):
    for path in ("POST /tasks/update-v2", "POST /tasks"):  # the latter for the next attempts
        stub.answers[path].extend(error(500, "no") for _ in range(100))
    path = str(tmp_path / "outbox.db")
    with TaskRunner(api_client, outbox=path, shutdown_timeout=0.1) as runner:
        runner.start_worker("t", lambda task: None)
        stub.add_task("t")
        eventually(lambda: f'outbox_results{{path="{path}"}} 1.0\n' in ask("/metrics")[2])
        assert json.loads(ask("/health.json")[2])["outboxes"] == [{"path": path, "results": 1}]
        assert path in ask("/")[2]


class Broken:
    """A runner with a bug."""

    def look(self):
        raise ZeroDivisionError


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/health.json", "/"])
def test_a_page_that_a_bug_prevents_is_answered_with_500_and_logged(ask, path, caplog):
    broken = Broken()
    _runners.add(broken)
    assert ask(path)[::2] == (500, '{"error":"a bug: see the log of the process"}')
    assert "a bug: the page about the health cannot be made" in caplog.text
    assert "ZeroDivisionError" in caplog.text
