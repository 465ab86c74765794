"""Worker programs as processes of their own, driven by signals."""

import os
import subprocess
import sys

import pytest

from support.stub import Stub


@pytest.fixture
def stub():
    with Stub() as stub:
        yield stub


@pytest.fixture
def start_program():
    """Starts Python code as a process: start_program(code, server_url, *arguments). Ends it if the test does not."""
    started = []

    def start(code, server_url, *arguments):
        environment = os.environ | {"CONDUCTOR_SERVER_URL": server_url, "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code, *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
