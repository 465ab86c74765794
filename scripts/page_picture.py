"""Draw docs/page.png: the page of the embedded server while it runs the workflow of the tutorial. Needs Chromium.

page_picture.py          draws docs/page.png
page_picture.py FOLDER   draws the page into the folder in several forms, for a look after a change: light, dark and
                         narrow; with nothing open, a workflow, a failed task, and a window
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
TUTORIAL = ROOT / "examples" / "tutorial"
sys.path += [str(TUTORIAL), str(ROOT / "tests")]

import app

from conductor import ApiClient, HttpSettings, TaskExecutor, TaskRunner, WorkflowExecutor
from conductor.testing import DevServer
from support.browser import CHROMIUM, Browser, Page

PICTURE = ROOT / "docs" / "page.png"
SIZE = 1200, 800
LARGEST = 150_000  # bytes
APPROVAL = {
    "name": "refund",
    "version": 1,
    "ownerEmail": "team@example.com",
    "tasks": [{"name": "approve", "taskReferenceName": "approve", "type": "HUMAN"}],
}


@contextmanager
def shop() -> Iterator[tuple[str, str]]:
    """The address of the page, and the id of an order that waits for its second try. Another order is paid."""
    with DevServer() as server, ApiClient(http_settings=HttpSettings(server.url)) as client:
        workflows = WorkflowExecutor(client)
        *tasks, order = json.loads((TUTORIAL / "definitions" / "order.json").read_text())
        TaskExecutor(client).register_task_defs(*tasks)
        workflows.register_workflow(order, APPROVAL)
        with TaskRunner(client, worker_id="my-computer") as runner:
            runner.start_workers(app)
            workflows.start_workflow("order", {"quantity": 3, "unit_price": "1.20"}, correlation_id="A7")
            server.join(timeout=30)
            TaskExecutor(client).register_task_defs(*({**each, "retryDelaySeconds": 50} for each in tasks))
            workflows.start_workflow("refund", {"amount": "9.90"})
            given = {"quantity": 1, "unit_price": "9.90"}
            waiting = workflows.execute_workflow("order", given, wait_until_task_ref="charge", correlation_id="A8")
            yield server.url.removesuffix("api"), waiting.workflow_id


def draw(page: Page, file: Path) -> None:
    page.evaluate("new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 100)))")
    page.screenshot(file)


def draw_all(page: Page, address: str, workflow_id: str, folder: Path) -> None:
    for name, width, height, dark in (
        ("light", 1400, 1000, False),
        ("dark", 1400, 1000, True),
        ("narrow", 390, 1800, False),
    ):
        page.resize(width, height, dark=dark)
        page.go(address)
        page.assert_shows("Queues")
        draw(page, folder / f"{name}-list.png")
        page.go(f"{address}#workflow={workflow_id}")
        page.assert_shows("Diagram")
        draw(page, folder / f"{name}-workflow.png")
        page.click(".task.bad")
        page.assert_shows("Traceback")
        draw(page, folder / f"{name}-task.png")
        page.evaluate("scrollTo(0, 0)")
        page.click("#start")
        page.until("document.querySelector('#start-dialog [name=name]').options.length")
        draw(page, folder / f"{name}-window.png")
        page.press("Escape")


def main() -> int:
    if CHROMIUM is None:
        print("page_picture: there is no Chromium", file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory() as profile, Browser(profile) as browser, shop() as (address, workflow_id):
        page = browser.open(f"{address}#workflow={workflow_id}", width=SIZE[0], height=SIZE[1])
        page.assert_shows("Diagram")
        if len(sys.argv) > 1:
            draw_all(page, address, workflow_id, Path(sys.argv[1]))
            return 0
        draw(page, PICTURE)
    if PICTURE.stat().st_size > LARGEST:
        print(f"page_picture: {PICTURE} has over {LARGEST} bytes", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
