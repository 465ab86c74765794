"""Draw docs/page.png: the page of the embedded server while it runs the workflow of the tutorial. Needs Chromium."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).parent.parent
TUTORIAL = ROOT / "examples" / "tutorial"
sys.path.insert(0, str(TUTORIAL))

import app

from conductor import ApiClient, HttpSettings, TaskExecutor, TaskRunner, WorkflowExecutor
from conductor.testing import DevServer

PICTURE = ROOT / "docs" / "page.png"
SIZE = "1000,560"
LARGEST = 150_000  # bytes
OFFLINE = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking"]


def page() -> str:
    """The HTML when one order is paid, at the second try, and another one waits for its second try."""
    with DevServer() as server, ApiClient(http_settings=HttpSettings(server.url)) as client:
        workflows = WorkflowExecutor(client)
        *tasks, order = json.loads((TUTORIAL / "definitions" / "order.json").read_text())
        TaskExecutor(client).register_task_defs(*tasks)
        workflows.register_workflow(order)
        with TaskRunner(client, worker_id="my-computer") as runner:
            runner.start_workers(app)
            workflows.start_workflow("order", {"quantity": 3, "unit_price": "1.20"})
            server.join(timeout=30)
            workflows.execute_workflow("order", {"quantity": 1, "unit_price": "9.90"}, wait_until_task_ref="charge")
            with urlopen(server.url.removesuffix("api")) as answer:
                return str(answer.read().decode())


def main() -> int:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        print("page_picture: there is no Chromium", file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "page.html")
        file.write_text(page())
        arguments = [f"--user-data-dir={folder}/profile", f"--window-size={SIZE}", f"--screenshot={PICTURE}"]
        subprocess.run([chromium, *OFFLINE, *arguments, file.as_uri()], check=True, capture_output=True, timeout=120)
    if PICTURE.stat().st_size > LARGEST:
        print(f"page_picture: {PICTURE} has over {LARGEST} bytes", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
