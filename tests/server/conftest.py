"""Real threads and real HTTP, against a scripted server."""

import pytest

from conductor import ApiClient, HttpSettings, TaskRunner
from support.stub import Stub


@pytest.fixture
def stub():
    with Stub() as stub:
        yield stub


@pytest.fixture
def api_client(stub):
    with ApiClient(http_settings=HttpSettings(stub.url, read_timeout=5)) as client:
        yield client


@pytest.fixture
def runner(api_client):
    with TaskRunner(api_client, worker_id="worker-1", shutdown_timeout=5) as runner:
        yield runner
