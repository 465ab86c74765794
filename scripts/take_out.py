"""Takes one mechanism after another out of a copy of this checkout, and runs the fault tests that it answers for.

Run by take_out.sh. Prints which tests go red; those that are red with everything in place do not count. Exit code 1: a
mechanism's absence turned nothing red, so that nothing would tell if it were lost.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
PROCESSES = 4
LIMIT = 900
"""Seconds that one run of the tests may take."""
RED = re.compile(r"^(?:FAILED|ERROR) (tests/\S+?::\S+(?:\[.*?\])?)(?: - .*)?$", re.MULTILINE)


@dataclass(frozen=True)
class Mechanism:
    """found: a text that is in the file once; without: what takes its place. tests: words, one of which is in each
    name of the tests that answer for it.
    """

    name: str
    file: str
    found: str
    without: str
    tests: str


MECHANISMS = [
    Mechanism(
        "re-send",
        "conductor/delivery/result_sender.py",
        "if left <= 0 or self._abandoned.is_set():",
        "if True:",
        "test_n2_ test_n4_ test_n5_ test_n14_ test_n17_ test_s1_ test_s2_ test_s4_ test_l9_ results_in_hand",
    ),
    Mechanism(
        "hand-back",
        "conductor/runner/unstarted_tasks.py",
        "self._send(PendingResult(result, received, retry_for, lease, poll_count=polls, retry_count=retries))",
        "pass",
        "test_l2_ test_l3_ test_l4_ test_l6_ test_s23_ test_s24_ handed_back",
    ),
    Mechanism(
        "lease extension",
        "conductor/runner/intake.py",
        "is_extended = self._worker.lease_extension and task.response_timeout_seconds > 0",
        "is_extended = False",
        "test_l5_ test_l13_ test_l14_ test_l15_ test_l16_ test_s25_ leases",
    ),
    Mechanism(
        "drain",
        "conductor/runner/workers.py",
        "drain_until = self._setup.clock.now() + self._setup.shutdown_timeout",
        "drain_until = self._setup.clock.now()",
        "test_l1_ test_l2_ test_l3_ test_l4_ test_l5_ test_l7_ test_l17_ ten_running end_of_the_drain",
    ),
    Mechanism(
        "update-v2 fallback",
        "conductor/delivery/update_request.py",
        "if not says_update_and_poll_is_missing(error):",
        "if True:",
        "test_s7_ test_s9_ test_s10_",
    ),
    Mechanism(
        "outbox",
        "conductor/delivery/results_in_hand.py",
        "pending.is_stored = outbox.commit(self._task_name, pending.result)",
        "pass",
        "committed outbox they_are_ earlier_process next_start",
    ),
]


def main(names: list[str]) -> int:
    wanted = [mechanism for mechanism in MECHANISMS if not names or mechanism.name in names]
    if unknown := set(names) - {mechanism.name for mechanism in wanted}:
        sys.exit(f"take_out: there is no {', '.join(sorted(unknown))}; there are {[each.name for each in MECHANISMS]}")
    with TemporaryDirectory() as directory:
        copy = Path(directory) / "copy"
        copy_checkout(copy)
        check_what_is_imported(copy)
        changed = [(mechanism, text_without(copy, mechanism)) for mechanism in wanted]
        red_anyway = run_tests(copy, " ".join(mechanism.tests for mechanism in wanted))
        if red_anyway:
            print("red with everything in place, and not counted below:")
            show(red_anyway)
        needless = [mechanism for mechanism, text in changed if not report(copy, mechanism, text, red_anyway)]
    print(f"{len(wanted) - len(needless)} of {len(wanted)} mechanisms are missed by a test when they are taken out")
    return int(bool(needless))


def copy_checkout(target: Path) -> None:
    """What is under version control or would be."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    for name in sorted(set(filter(None, listed))):
        if (ROOT / name).is_file():  # it may be deleted
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    # What does not come is not waited for as long as on a busy machine it might take.
    replace_in(target / "tests/support/waiting.py", "timeout=20.0", "timeout=8.0")


def environment(copy: Path) -> dict[str, str]:
    """The copy is found before what is installed. No byte code: a changed file may be as old and as long as before."""
    path = os.pathsep.join([str(copy), str(copy / "generated")])
    return os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def check_what_is_imported(copy: Path) -> None:
    code = "import conductor.delivery.update_request as a, conductor_client as b; print(a.__file__); print(b.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=copy, env=environment(copy), check=True, capture_output=True, text=True
    )
    for file in done.stdout.splitlines():
        if not Path(file).is_relative_to(copy.resolve()):
            sys.exit(f"take_out: the tests would import {file}, which is not in the copy")


def replace_in(file: Path, found: str, without: str) -> str:
    """Returns the text as it was."""
    text = file.read_text()
    if text.count(found) != 1:
        sys.exit(f"take_out: {file.name} should hold this once, and does {text.count(found)} times: {found}")
    file.write_text(text.replace(found, without))
    return text


def text_without(copy: Path, mechanism: Mechanism) -> str:
    """The file's text when the mechanism is taken out; the file stays as it is."""
    file = copy / mechanism.file
    original = replace_in(file, mechanism.found, mechanism.without)
    changed = file.read_text()
    file.write_text(original)
    return changed


def report(copy: Path, mechanism: Mechanism, text: str, red_anyway: set[str]) -> bool:
    """Returns whether a test went red."""
    file = copy / mechanism.file
    original = file.read_text()
    file.write_text(text)
    try:
        red = run_tests(copy, mechanism.tests) - red_anyway
    finally:
        file.write_text(original)
    print(
        f"without {mechanism.name}: {len(red)} tests go red" if red else f"without {mechanism.name}: NOTHING GOES RED"
    )
    show(red)
    return bool(red)


def run_tests(copy: Path, words: str) -> set[str]:
    """The names of those that are red."""
    expression = " or ".join(sorted(set(words.split())))
    command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-rfE", "-p", "no:cacheprovider"]
    command += ["-n", str(PROCESSES), "--timeout=60", "-k", expression, "tests/faults"]
    try:
        done = subprocess.run(
            command, cwd=copy, env=environment(copy), check=False, capture_output=True, text=True, timeout=LIMIT
        )
    except subprocess.TimeoutExpired:
        sys.exit(f"take_out: the tests did not end within {LIMIT} s")
    if done.returncode not in (0, 1):  # no test was found, or none could run
        sys.exit(f"take_out: pytest ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return set(RED.findall(done.stdout))


def show(tests: set[str]) -> None:
    for test in sorted(tests):
        print(f"  {test}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
