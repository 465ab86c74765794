"""The status page of the metrics port in a real browser."""

import re
import subprocess
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
from support.browser import CHROMIUM, OFFLINE

NARROW = "390,2400"


def browse(tmp_path, url, *options):
    done = subprocess.run(
        [CHROMIUM, *OFFLINE, f"--user-data-dir={tmp_path}", *options, url],
        check=True,
        capture_output=True,
        text=True,
        timeout=50,
    )
    return done.stdout


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_a_browser_shows_workers_tasks_and_errors_and_fits_them_on_a_phone(tmp_path):
    began, goes_on = threading.Event(), threading.Event()

    def ship(task):
        began.set()
        goes_on.wait(60)

    def check(task):
        raise ValueError("<img src=x onerror=\"document.title='smuggled'\">")

    with DevServer() as server, ApiClient(http_settings=HttpSettings(server.url)) as client:
        workflows = WorkflowExecutor(client)
        for name in ("check", "ship"):
            workflows.register_workflow(WorkflowDef(name, [WorkflowTask(name, name)], owner_email="a@b.example"))
            workflows.start_workflow(name)
        with provide_metrics(MetricsSettings(port=0)) as metrics, TaskRunner(client, worker_id="the-worker") as runner:
            runner.start_worker("check", check)
            runner.start_worker("ship", ship, batch_size=3)
            assert began.wait(20)
            dom = browse(tmp_path, f"http://127.0.0.1:{metrics.port}/", "--dump-dom")
            narrow = tmp_path / "narrow.png"
            browse(tmp_path, f"http://127.0.0.1:{metrics.port}/", f"--screenshot={narrow}", f"--window-size={NARROW}")
            goes_on.set()
    text = re.sub(r"<[^>]+>", " ", dom)
    for shown in ("healthy", "the-worker", "check", "ship", "2 of 3", "executing", "&lt;img src=x"):
        assert shown in text
    assert "<title>Conductor workers</title>" in dom
    assert narrow.stat().st_size > 10_000
