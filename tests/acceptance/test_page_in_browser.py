"""The embedded server's page in a real browser."""

import re
import shutil
import subprocess

import pytest

from conductor import ApiClient, HttpSettings, TaskRunner, WorkflowDef, WorkflowExecutor, WorkflowTask
from conductor.testing import DevServer

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OFFLINE = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
OFFLINE += ["--disable-background-networking", "--disable-component-update"]


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_a_browser_shows_workflows_queues_and_pollers_and_nothing_that_was_smuggled_in(tmp_path):
    with DevServer() as server, ApiClient(http_settings=HttpSettings(server.url)) as client:
        workflows = WorkflowExecutor(client)
        steps = [WorkflowTask("check", "check"), WorkflowTask("ship", "ship")]
        workflows.register_workflow(
            WorkflowDef("order <script>document.title='x'</script>", steps, owner_email="a@b.example")
        )
        workflow_id = workflows.start_workflow("order <script>document.title='x'</script>")
        with TaskRunner(client, worker_id="the-worker") as runner:
            runner.start_worker("check", lambda task: None)
            runner.start_worker("ship", lambda task: None)
            server.join(10)
        done = subprocess.run(
            [CHROMIUM, *OFFLINE, f"--user-data-dir={tmp_path}", "--dump-dom", server.url.removesuffix("api")],
            check=True,
            capture_output=True,
            text=True,
            timeout=50,
        )
    text = re.sub(r"<[^>]+>", " ", done.stdout)
    for shown in (workflow_id, "COMPLETED", "check", "ship", "the-worker", "order &lt;script&gt;"):
        assert shown in text
    assert "<title>x</title>" not in done.stdout
