"""The examples in docs/ run."""

import json
import urllib.request
from types import SimpleNamespace

import pytest

from conductor import (
    ApiClient,
    HttpSettings,
    TaskExecutor,
    WorkflowDef,
    WorkflowExecutor,
    WorkflowTask,
    provide_metrics,
)
from conductor.testing import DevServer, run_worker
from support.pages import blocks


@pytest.fixture
def api_client(monkeypatch):
    with DevServer() as server, ApiClient(http_settings=HttpSettings(server.url)) as client:
        monkeypatch.setenv("CONDUCTOR_SERVER_URL", server.url)
        yield client


def test_the_outbox_of_the_page_about_delivery_is_made_at_once(api_client, tmp_path):
    (code,) = blocks("delivery.md")
    names = {}
    exec(code.replace("/var/lib/worker", str(tmp_path)), names)  # noqa: S102 - it is the page's
    with names["runner"]:
        assert (tmp_path / "outbox.db").exists()


def test_the_program_of_the_page_about_health_serves_it(monkeypatch):
    monkeypatch.setenv("CONDUCTOR_WORKER_METRICS_PORT", "0")  # the default one may be in use
    served = []
    monkeypatch.setattr("conductor.provide_metrics", lambda: served.append(provide_metrics()))
    (code,) = blocks("health.md")
    exec(code, {})  # noqa: S102 - it is the page's
    (metrics,) = served
    with metrics, urllib.request.urlopen(f"http://127.0.0.1:{metrics.port}/healthz", timeout=5) as answer:
        assert json.load(answer) == {"healthy": True, "reasons": []}


def test_task_definitions(api_client, capsys):
    start, check, schemas = blocks("task-definitions.md")
    program = {"__name__": "__main__"}
    exec(start, program)  # noqa: S102
    with program["runner"]:
        workflows = WorkflowExecutor(api_client)
        step = WorkflowTask("charge", "charge", input_parameters={"amount": "${workflow.input.amount}"})
        workflows.register_workflow(WorkflowDef("order", [step], owner_email="team@example.com"))
        done = workflows.execute_workflow("order", {"amount": 10}, timeout=20)
        assert done.status == "COMPLETED"
        assert done.tasks[0].output_data == {"total": 12.0}
        exec(check, program)  # noqa: S102
        exec(schemas, program)  # noqa: S102
    registered = TaskExecutor(api_client).get_task_def("charge")
    assert registered.response_timeout_seconds == 60
    assert registered.output_schema.name == "charge_output"
    shown = (
        "error charge: the responseTimeoutSeconds of its task definition, 60 s, is shorter than the worker's timeout"
    )
    assert capsys.readouterr().out.startswith(shown)


@pytest.mark.parametrize(("celsius", "answer", "count"), [(30, "warmer", 6), (5, "colder", 10)])
def test_system_tasks(celsius, answer, count):
    program = {"__name__": "page"}
    exec(blocks("system-tasks.md")[0], program)  # noqa: S102
    stubs = {"get_weather": {"celsius": celsius}, "HTTP": {"response": {"body": {"celsius": 20}}}}
    with DevServer(stubs=stubs) as server, ApiClient(http_settings=HttpSettings(server.url)) as client:
        workflows = WorkflowExecutor(client)
        workflows.register_workflow(program["TRIP"])
        done = workflows.execute_workflow("trip", {"here": "Rome"}, timeout=20)
    assert (done.status, done.output) == ("COMPLETED", {"answer": answer})
    assert len(done.tasks) == count


@pytest.mark.parametrize(
    ("http_status", "status"), [(200, "COMPLETED"), (404, "FAILED_WITH_TERMINAL_ERROR"), (503, "FAILED")]
)
def test_the_worker_of_system_tasks(http_status, status):
    program = {"__name__": "page"}
    exec(blocks("system-tasks.md")[0], program)  # noqa: S102
    answer = SimpleNamespace(status=http_status, json=lambda: {"celsius": 3})
    program["HTTP"] = SimpleNamespace(request=lambda *_arguments, **_options: answer)
    assert run_worker(program["get_weather"], {"city": "Rome"}).status == status
