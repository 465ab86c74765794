"""scripts/conductor_server.sh runs the jar whose checksum it knows, and no other in its place."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "conductor_server.sh"
JAVA = """#!/bin/sh
case $1 in
  -version) echo 'openjdk version "21.0.2"' >&2 ;;
  *) touch "$STARTED" ;;
esac
"""


@pytest.fixture
def start(tmp_path):
    """Starts a copy of the script, so that the state of this checkout's own server stays as it is."""
    script, java = tmp_path / "scripts" / SCRIPT.name, tmp_path / "java" / "bin" / "java"
    for file in (script, java):
        file.parent.mkdir(parents=True)
    shutil.copy(SCRIPT, script)
    java.write_text(JAVA)
    java.chmod(0o755)
    cache = tmp_path / "cache"
    cache.mkdir()

    def run(version, **more):
        (cache / f"conductor-server-{version}-boot.jar").write_text("no such jar")
        settings = {"JAVA_HOME": str(tmp_path / "java"), "CONDUCTOR_WORKER_CACHE": str(cache)}
        settings["STARTED"] = str(tmp_path / "started")
        return subprocess.run(
            [script, "start"], check=False, capture_output=True, text=True, timeout=50, env=os.environ | settings | more
        )

    return run


def test_another_jar_in_place_of_the_pinned_one_is_refused(start, tmp_path):
    pinned = next(line for line in SCRIPT.read_text().splitlines() if line.startswith("pinned=")).removeprefix(
        "pinned="
    )
    done = start(pinned)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"is not the jar of version {pinned}" in done.stderr
    assert not (tmp_path / "started").exists()


def test_a_version_that_was_asked_for_is_taken_as_it_comes_and_that_is_said(start, tmp_path):
    done = start("9.9.9", CONDUCTOR_SERVER_VERSION="9.9.9")
    assert "the checksum of version 9.9.9 is not known" in done.stderr
    assert (tmp_path / "started").exists()
