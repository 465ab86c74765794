"""Draw docs/dashboard.png: the panels of examples/monitoring/dashboard.json with the figures of workers that ran.

scripts/draw_dashboard.py [--seconds 180] [--output docs/dashboard.png]

Two worker processes run on the embedded server, under a load that changes. The server is out for a while. The program
prometheus (of Debian's package of that name) scrapes the workers each second and evaluates the panels' expressions.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from conductor_cluster import free_port
from matplotlib.figure import Figure
from PIL import Image

from conductor import (
    ApiClient,
    HttpSettings,
    MetricsSettings,
    TaskDef,
    TaskExecutor,
    TaskRunner,
    WorkflowDef,
    WorkflowExecutor,
    WorkflowTask,
    provide_metrics,
    worker_task,
)
from conductor.testing import DevServer

ROOT = Path(__file__).parent.parent

DASHBOARD = json.loads((ROOT / "examples" / "monitoring" / "dashboard.json").read_text())
TASK_TYPES = ("charge", "ship", "invoice")
MOST_PER_SECOND = 12
OUTAGE_BEGINS, OUTAGE_LASTS = 0.55, 0.1
"""As parts of the whole time."""
STEP = 2
"""Seconds between two points of a line."""


@worker_task("charge", batch_size=4)
def charge(number: int) -> dict[str, int]:
    threading.Event().wait(random.expovariate(1 / 0.02))
    if random.random() < 0.04:
        raise ConnectionError("the bank does not answer")
    return {"receipt": number}


@worker_task("ship", batch_size=20, lease_extension=True)
async def ship(number: int) -> dict[str, int]:
    await asyncio.sleep(random.expovariate(1 / 0.6))
    return {"parcel": number}


@worker_task("invoice", batch_size=1, timeout=1.0)
def invoice(number: int) -> dict[str, str | int]:
    threading.Event().wait(2.0 if random.random() < 0.005 else 0.03)
    return {"number": number, "lines": "x" * random.randrange(100, 20_000)}


def work(server_url: str, port: int, outbox: str) -> None:
    """A worker process, until SIGTERM."""
    with (
        provide_metrics(MetricsSettings(port=port)),
        ApiClient(http_settings=HttpSettings(server_url)) as client,
        TaskRunner(client, shutdown_timeout=5, outbox=outbox) as runner,
    ):
        runner.start_workers(charge, ship, invoice)
        runner.wait_workers()


@contextlib.contextmanager
def process(*command: object) -> Iterator[None]:
    started = subprocess.Popen([str(part) for part in command], stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        started.terminate()
        started.wait()


def put_under_load(server: DevServer, seconds: float) -> None:
    """Start workflows in waves, and let the server be out for a while."""
    with ApiClient(http_settings=HttpSettings(server.url)) as client:
        tasks, workflows = TaskExecutor(client), WorkflowExecutor(client)
        tasks.register_task_defs(
            *(TaskDef(name=name, retry_delay_seconds=0, response_timeout_seconds=2) for name in TASK_TYPES)
        )
        steps = [
            WorkflowTask(name=name, task_reference_name=name, input_parameters={"number": "${workflow.input.number}"})
            for name in TASK_TYPES
        ]
        workflows.register_workflow(WorkflowDef(name="order", tasks=steps, owner_email="team@example.com"))
        began, pause, number = time.monotonic(), threading.Event(), 0
        while (now := (time.monotonic() - began) / seconds) < 1:
            if OUTAGE_BEGINS <= now < OUTAGE_BEGINS + OUTAGE_LASTS:
                with server.faults.outage():
                    pause.wait(OUTAGE_LASTS * seconds)
            workflows.start_workflow("order", {"number": (number := number + 1)})
            pause.wait(1 / (MOST_PER_SECOND * (0.6 - 0.4 * math.cos(6 * math.pi * now))))


def configuration(ports: list[int]) -> dict[str, Any]:
    targets = [f"127.0.0.1:{port}" for port in ports]
    job = {"job_name": "conductor-worker", "static_configs": [{"targets": targets}]}
    return {"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}


def lines(prometheus: str, expression: str, begin: float, end: float) -> list[dict[str, Any]]:
    """The series that Prometheus makes of a panel's expression."""
    query = expression.replace("$__rate_interval", "10s").replace("$job", ".*").replace("$task_type", ".*")
    asked = urlencode({"query": query, "start": begin, "end": end, "step": STEP})
    with urlopen(f"{prometheus}/api/v1/query_range?{asked}") as answer:
        series: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return series


def draw(prometheus: str, begin: float, end: float, output: Path) -> None:
    panels = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
    places = sorted({panel["gridPos"]["y"] for panel in panels})
    figure = Figure(figsize=(13, 2.1 * len(places)), layout="constrained")
    axes = figure.subplots(len(places), 3)
    for panel in panels:
        place = panel["gridPos"]
        on = axes[places.index(place["y"])][place["x"] * 3 // 24]
        unit = panel["fieldConfig"]["defaults"]["unit"]
        on.set_title(panel["title"] + ("" if unit == "short" else f" ({unit})"), loc="left", fontsize=8)
        on.tick_params(labelsize=7)
        for target in panel["targets"]:
            for series in lines(prometheus, target["expr"], begin, end):
                name = target["legendFormat"]
                for label, value in series["metric"].items():
                    name = name.replace("{{" + label + "}}", value)
                points = [(at - begin, float(value)) for at, value in series["values"]]
                on.plot(*zip(*points, strict=True), linewidth=0.9, label=name)
        on.set_xlim(0, end - begin)
        on.margins(y=0.12)
        on.set_ylim(bottom=0)
        on.grid(linewidth=0.3)
        if on.lines:
            on.legend(fontsize=5, loc="upper left", frameon=False)
        else:
            on.text(0.5, 0.5, "no such event", transform=on.transAxes, ha="center", color="grey")
    figure.suptitle(
        "The panels of examples/monitoring/dashboard.json, with the figures of a scrape of two worker processes.\n"
        "Drawn by scripts/draw_dashboard.py: this is no screenshot of Grafana. Embedded server;"
        f" it is out from second {OUTAGE_BEGINS * (end - begin):.0f}"
        f" to {(OUTAGE_BEGINS + OUTAGE_LASTS) * (end - begin):.0f}.",
        fontsize=9,
    )
    figure.savefig(output, dpi=90)
    Image.open(output).quantize(64).save(output, optimize=True)  # a third of the size


def main() -> int:
    if sys.argv[1:2] == ["work"]:
        work(sys.argv[2], int(sys.argv[3]), sys.argv[4])
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "dashboard.png")
    given = parser.parse_args()
    program = shutil.which("prometheus")
    if program is None:
        print("draw_dashboard: the program prometheus is missing (Debian: package prometheus)", file=sys.stderr)
        return 3
    ports, web = [free_port(), free_port()], free_port()
    with tempfile.TemporaryDirectory() as folder, DevServer() as server, contextlib.ExitStack() as processes:
        settings = Path(folder, "prometheus.yml")
        settings.write_text(json.dumps(configuration(ports)))  # JSON is YAML
        begin = time.time()
        for port in ports:
            processes.enter_context(process(sys.executable, __file__, "work", server.url, port, f"{folder}/{port}.db"))
        options = (f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{web}")
        processes.enter_context(process(program, f"--config.file={settings}", *options))
        put_under_load(server, given.seconds)
        draw(f"http://127.0.0.1:{web}", begin, time.time(), given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
