"""The status page of the metrics port in a real browser."""

import threading

import pytest

from conductor import (
    ApiClient,
    HttpSettings,
    MetricsSettings,
    TaskRunner,
    WorkflowDef,
    WorkflowExecutor,
    WorkflowTask,
    provide_metrics,
)
from conductor.testing import DevServer
from support.browser import CHROMIUM, Browser
from support.waiting import eventually

LONG_NAME = "a_task_type_with_a_very_long_name_" * 3
EVIL = "<img src=x onerror=\"document.title='smuggled'\">"


@pytest.fixture
def url():
    """The page of workers in many states: one works, one has an error, one is paused, one cannot reach its server."""
    began, goes_on = threading.Event(), threading.Event()

    def ship(task):
        began.set()
        goes_on.wait(60)

    def check(task):
        raise ValueError(EVIL)

    with (
        DevServer() as server,
        ApiClient(http_settings=HttpSettings(server.url)) as client,
        ApiClient(http_settings=HttpSettings("http://127.0.0.1:1/api")) as unreachable,
        provide_metrics(MetricsSettings(port=0)) as metrics,
        TaskRunner(client, worker_id="the-worker") as runner,
        TaskRunner(unreachable, worker_id="the-other") as other,
    ):
        workflows = WorkflowExecutor(client)
        for name in ("check", "ship"):
            workflows.register_workflow(WorkflowDef(name, [WorkflowTask(name, name)], owner_email="a@b.example"))
            workflows.start_workflow(name)
        runner.start_worker("check", check)
        runner.start_worker("ship", ship, batch_size=3)
        runner.start_worker("paused", ship, paused=True)
        other.start_worker(LONG_NAME, ship)
        assert began.wait(20)
        eventually(lambda: any(each.last_error for each in runner.health().workers))
        eventually(lambda: other.health().workers[0].state == "failing")
        yield f"http://127.0.0.1:{metrics.port}/"
        goes_on.set()


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_a_browser_shows_workers_tasks_and_errors_in_every_width_and_in_both_colours(tmp_path, url):
    with Browser(tmp_path) as browser:
        page = browser.open(url)
        for shown in ("not ready", "the-worker", "check", "2 of 3", "executing", EVIL, "paused", "failing", LONG_NAME):
            page.assert_shows(shown)
        page.evaluate("window.stop()")  # it would reload itself while it is looked at
        for width in (320, 390, 760, 1280):
            for dark in (False, True):
                page.resize(width, 1000, dark=dark)
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
                assert page.low_contrasts() == [], (width, dark)
        assert page.evaluate("document.title") == "Conductor workers"
        assert page.problems() == []
        assert {request for request in page.requests() if not request.startswith("data:")} == {url}
