"""Fixtures for tests of workers: ``pytest_plugins = ["conductor.testing.pytest_plugin"]`` in a conftest.py.

Each test gets a server of its own on a free port, so tests do not see each other, also with pytest-xdist.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conductor.runner.task_runner import TaskRunner
from conductor.settings import AuthenticationSettings, HttpSettings
from conductor.task_client import HttpTaskClient
from conductor.testing.dev_server import DevServer
from conductor.transport import ApiClient


@pytest.fixture
def conductor_dev_server() -> Iterator[DevServer]:
    """A running DevServer for this test alone."""
    with DevServer() as server:
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
