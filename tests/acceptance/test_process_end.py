"""A command ends although the code of a user goes on. The time that it waits for the code is short here."""

import subprocess
import sys

import pytest

SHORTLY = """
import sys
from conductor.__main__ import main
from conductor.cli import process_end

process_end.WITHIN = 0.2
sys.argv[:1] = ["conductor-worker", "config"]
main()
"""
WORKER = """
from conductor import worker_task

@worker_task("work")
def work() -> None: ...
"""
THREAD = """
import threading

threading.Thread(target=threading.Event().wait, name="lingers").start()
"""
AT_EXIT = """
import atexit
import threading

atexit.register(threading.Event().wait)
"""


def config(folder, code, name="app.py"):
    (folder / "app.py").write_text(WORKER + code)
    return subprocess.run(
        [sys.executable, "-c", SHORTLY, name], cwd=folder, check=False, capture_output=True, text=True, timeout=30
    )


@pytest.mark.parametrize(("code", "name"), [(THREAD, "thread lingers"), (AT_EXIT, "a function of atexit")])
def test_code_that_goes_on_is_named_and_the_command_ends_with_its_status(tmp_path, code, name):
    done = config(tmp_path, code)
    assert done.returncode == 0
    assert "worker work" in done.stdout
    assert done.stderr == f"this process ends, although this still runs: {name}\n"


def test_a_wrong_argument_keeps_its_status(tmp_path):
    done = config(tmp_path, THREAD + "raise ValueError")
    assert done.returncode == 2
    assert "this still runs: thread lingers" in done.stderr


def test_without_such_code_nothing_is_said(tmp_path):
    assert config(tmp_path, "").stderr == ""


def test_an_error_that_nothing_catches_is_shown_first_and_the_command_ends_as_soon(tmp_path):
    """The lookup of a name in the module raises it."""
    odd = 'def __getattr__(name):\n    raise BaseException("odd")\n'
    done = config(tmp_path, THREAD + odd, "app:missing")
    assert done.returncode == 1
    assert done.stderr.endswith("BaseException: odd\nthis process ends, although this still runs: thread lingers\n")
