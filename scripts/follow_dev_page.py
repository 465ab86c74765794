"""Follows docs/command-dev.md in an environment that has nothing but the package: ``python follow_dev_page.py``.

The page's file and commands are used as they stand. Only the port is a free one, because 8080 may be taken. An
AssertionError says what the page promises and what came instead.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from conductor import ApiClient, HttpSettings, WorkflowExecutor

PAGE = Path(__file__).parents[1] / "docs" / "command-dev.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
OUTPUT = {"receipt": "A7: 9.9 EUR"}
WITHIN = 60.0
"""Seconds that a newcomer has, after the installation."""


def command(line: str) -> list[str]:
    """The words of a line, with the program of this environment."""
    program, *arguments = shlex.split(line)
    return [str(Path(sys.executable).with_name(program)), *arguments]


def main() -> None:
    text = PAGE.read_text()
    blocks = [(kind, block) for kind, block in FENCE.findall(text) if kind in ("", "python")]
    _install, (_, code), (_, dev), (_, start) = blocks
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, re.findall(r"Save this as `(.*)`:", text)[0]).write_text(code + "\n")
        with subprocess.Popen(
            [*command(dev), "--port", "0"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as session:
            try:
                output = started(session, start, folder)
            finally:
                session.send_signal(signal.SIGINT)
    seconds = time.monotonic() - began
    assert output == OUTPUT, output
    assert session.returncode == 0, session.returncode
    assert seconds < WITHIN, seconds
    print(f"conductor-worker dev: the first workflow ran {seconds:.1f} s after the file was saved")


def started(session: subprocess.Popen[str], line: str, folder: str) -> dict[str, str]:
    """Type the command of the page as soon as the first terminal shows one, and wait for the output."""
    assert session.stdout is not None
    said: dict[str, str] = {}
    while "start" not in said:
        name, _, value = session.stdout.readline().rstrip("\n").partition(" ")
        assert name, f"it ended after {said}"
        said[name] = value.strip()
    variables = os.environ | {"CONDUCTOR_SERVER_URL": said["API"]}
    done = subprocess.run(command(line), cwd=folder, env=variables, check=True, stdout=subprocess.PIPE, text=True)
    workflow_id = done.stdout.strip()
    watch = command(f"conductor-worker workflow watch {workflow_id}")
    subprocess.run(watch, env=variables, check=True, stdout=subprocess.DEVNULL, timeout=WITHIN)
    with ApiClient(http_settings=HttpSettings(said["API"])) as client:
        return WorkflowExecutor(client).get_output(workflow_id, dict[str, str])


if __name__ == "__main__":
    main()
