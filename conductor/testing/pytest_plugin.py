"""Fixtures for tests of workers: ``pytest_plugins = ["conductor.testing.pytest_plugin"]`` in a conftest.py.

Each test gets a server of its own on a free port, so tests do not see each other, also with pytest-xdist.
``pytest --conductor-chaos 9`` runs each test that has such a server nine times, with the faults of the seeds 0 to 8.
"""

from __future__ import annotations

import argparse
from collections.abc import Generator, Iterator

import pytest

from conductor.runner.task_runner import TaskRunner
from conductor.settings import AuthenticationSettings, HttpSettings
from conductor.task_client import HttpTaskClient
from conductor.testing.dev_server import DevServer
from conductor.transport import ApiClient

OPTION = "--conductor-chaos"
SEED = "conductor_chaos"

_SERVER = pytest.StashKey[DevServer]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--conductor-chaos``."""
    group = parser.getgroup("conductor", "Conductor workers")
    group.addoption(
        OPTION,
        type=_count,
        default=0,
        metavar="N",
        help="run each test with a conductor_dev_server N times, with the faults of the seeds 0 to N-1",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each seed, unless it names its seeds itself."""
    count = metafunc.config.getoption(OPTION)
    if count and SEED in metafunc.fixturenames and not _names_seeds(metafunc.definition):
        metafunc.parametrize(SEED, range(count), ids=[f"chaos-{seed}" for seed in range(count)])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the seed and the faults to the report of a failure."""
    report = yield
    server = item.stash.get(_SERVER, None)
    if report.failed and server is not None and server.chaos is not None:
        report.sections.append(("Conductor chaos", server.chaos.report))
    return report


@pytest.fixture
def conductor_chaos() -> int | None:
    """The seed of the faults in this run of the test: None without ``--conductor-chaos``.

    ``@pytest.mark.parametrize("conductor_chaos", range(9))`` gives a test its seeds in each run of pytest. With
    ``[None]`` in place of the range it never has faults.
    """
    return None


@pytest.fixture
def conductor_dev_server(request: pytest.FixtureRequest, conductor_chaos: int | None) -> Iterator[DevServer]:
    """A running DevServer for this test alone."""
    with DevServer(chaos=conductor_chaos) as server:
        request.node.stash[_SERVER] = server
        yield server


@pytest.fixture
def conductor_api_client(conductor_dev_server: DevServer) -> Iterator[ApiClient]:
    """An ApiClient for ``conductor_dev_server``. The environment has no effect on it."""
    with ApiClient(AuthenticationSettings("", ""), HttpSettings(conductor_dev_server.url)) as client:
        yield client


@pytest.fixture
def conductor_task_runner(conductor_api_client: ApiClient) -> Iterator[TaskRunner]:
    """A TaskRunner for ``conductor_dev_server``. After the test, its workers are shut down."""
    client = HttpTaskClient(
        conductor_api_client
    )  # no ApiClient: tests need no task definitions, and no warning about them
    with TaskRunner(client, shutdown_timeout=5) as runner:
        yield runner


def _names_seeds(definition: pytest.Function) -> bool:
    """Whether a ``parametrize`` of the test has the seeds."""
    marks = definition.iter_markers("parametrize")
    names = [mark.args[0] if mark.args else mark.kwargs["argnames"] for mark in marks]
    lists = [each.split(",") if isinstance(each, str) else each for each in names]
    return any(SEED in map(str.strip, each) for each in lists)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a number of seeds, not {text!r}")
    return int(text)
