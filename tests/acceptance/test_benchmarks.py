"""scripts/bench.sh measures this project in each of its cases. How fast that is depends on the machine: nobody asks."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.cases import all_cases
from benchmarks.wanted import all_wanted
from benchmarks.workers import PROJECT

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks read /proc")
@pytest.mark.timeout(240)
def test_a_quick_run_measures_this_project_in_each_case(tmp_path):
    command = [sys.executable, "-m", "benchmarks", "--quick", "--workers", "project", "--output", tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = (tmp_path / "benchmarks.md").read_text()
    assert report == done.stdout
    for case in all_cases():
        if PROJECT in case.workers and case.kind != "real server":
            assert f"| {case.name} | {PROJECT} | " in report
    for wanted in all_wanted():
        assert f"| {wanted.text} | " in report
    plot = ET.fromstring((tmp_path / "benchmarks.svg").read_text())  # noqa: S314 - it is our own
    assert PROJECT in [text.text for text in plot.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks read /proc")
def test_a_quick_run_measures_the_embedded_server():
    command = [sys.executable, "-m", "benchmarks", "--quick", "--embedded-server"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for figure in ("start, ", "stop, ", "threads and descriptors ", "peak memory ", "task updates, "):
        assert f"\n{figure}" in f"\n{done.stdout}"
