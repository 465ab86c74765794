"""What all tests share."""

import gc
import logging
import os
import re
import subprocess
from pathlib import Path

import hypothesis
import pytest

from conductor import ApiClient, HttpSettings
from conductor.testing import DevServer

ROOT = Path(__file__).parent.parent


# A busy machine makes no test fail: how long an example takes says nothing about the code.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("patient")


# A drain leaves coroutines behind, and asyncio says so in the middle of a later test, when they are collected.
logging.getLogger("asyncio").addFilter(lambda record: "Task was destroyed but it is pending" not in record.getMessage())


def pytest_addoption(parser):
    parser.addoption(
        "--real-server",
        metavar="URL",
        help="run the tests that need a real Conductor server on the one at URL; 'start' starts one",
    )
    parser.addoption("--record-cassettes", action="store_true", help="record them anew; needs --real-server")


@pytest.hookimpl(tryfirst=True)  # xdist looks at the marks of groups
def pytest_collection_modifyitems(config, items):
    skip = pytest.mark.skip(reason="needs a real Conductor server: --real-server")
    for item in items:
        if not item.get_closest_marker("real_server"):
            continue
        if not config.getoption("--real-server"):
            item.add_marker(skip)
        else:  # --dist loadgroup: one at a time, as the database of the server (3.32.3, SQLite) takes one writer
            item.add_marker(pytest.mark.xdist_group("real server"))
            if item.get_closest_marker("race"):
                item.add_marker(pytest.mark.flaky(reruns=2))


def pytest_collection_finish():
    gc.freeze()  # or each full collection would look at all tests again


@pytest.fixture(scope="session")
def real_server_url(request):
    """The API URL of a real Conductor server."""
    url = request.config.getoption("--real-server")
    if url != "start":
        return url
    started = subprocess.run(
        [ROOT / "scripts" / "conductor_server.sh", "start"], check=True, stdout=subprocess.PIPE, text=True
    )
    return started.stdout.strip()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    """No test sees the settings of the machine it runs on."""
    for name in list(os.environ):
        if name.upper().startswith("CONDUCTOR_") or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)


@pytest.fixture
def server():
    """An embedded server."""
    with DevServer() as server:
        yield server


@pytest.fixture
def client(server):
    """A client of the embedded server."""
    with ApiClient(http_settings=HttpSettings(server.url)) as client:
        yield client


def pytest_terminal_summary(terminalreporter):
    """How many contract scenarios passed on which server."""
    for server in ("dev", "real"):
        passed = [
            report
            for report in terminalreporter.stats.get("passed", [])
            if report.nodeid.startswith("tests/contract/") and re.search(rf"\[{server}\b", report.nodeid)
        ]
        if passed:
            terminalreporter.write_line(f"contract scenarios passed on the {server} server: {len(passed)}")
