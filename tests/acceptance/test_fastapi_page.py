"""docs/fastapi.md is followed to the letter: its files, its command, its request and its test."""

import os
import re
import shlex
import signal
import subprocess
import sys

import pytest

from support.pages import save_files
from support.waiting import eventually


@pytest.fixture
def lines(tmp_path):
    """The lines for a shell. The files of the page are in the folder of the test."""
    return save_files("docs/fastapi.md", tmp_path)


def test_the_application_books_a_seat_and_ends_at_sigterm(server, lines, tmp_path):
    command, request, answer = lines
    log = tmp_path / "uvicorn.err"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", *shlex.split(command), "--port", "0"],
            cwd=tmp_path,
            env=os.environ | {"CONDUCTOR_SERVER_URL": server.url},
            stderr=errors,
        )
    try:
        (address,) = eventually(lambda: re.findall(r"running on http://([\d.:]+)", log.read_text()))
        request = shlex.split(request.replace("localhost:8000", address))
        assert subprocess.run(request, check=True, capture_output=True, text=True).stdout == answer
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)
        assert "Application shutdown complete" in log.read_text()
    finally:
        process.kill()
        process.wait()


def test_the_test_of_the_page_passes(lines, tmp_path):
    arguments = ["-W", "error", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert " 1 passed" in done.stdout, done.stdout + done.stderr
