"""Makes deliberate changes to copies of this checkout, one at a time, and prints which test notices each.

    .venv/bin/python scripts/mutants.py                      all of scripts/mutants.toml
    .venv/bin/python scripts/mutants.py --only "token"       those whose name or file contains the text
    .venv/bin/python scripts/mutants.py --list               their names; changes nothing and runs nothing
    .venv/bin/python scripts/mutants.py --table other.toml   those of another file

Each change comes with the tests that should notice it, so that all of them take an hour or two on two cores.
scripts/mutants.toml is kept true to the code by tests/unit/test_tables_of_changes.py.

Exit code 1: a change goes unnoticed without an argument why it has no effect, one that is argued to have none is
noticed, or no test can run with a change. Exit code 2: the text to be replaced does not stand in its file exactly once,
so that the table is out of date.
"""

from __future__ import annotations

import argparse
import queue
import shlex
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from take_out import RED, ROOT, check_what_is_imported, copy_checkout, environment

TABLE = ROOT / "scripts/mutants.toml"
AT_A_TIME = 2
TRIES = 3
"""How often a change is tried whose test fails without it, too: a busy machine can make a test fail."""
LIMIT = 600
"""Seconds that the tests of one change may take; more means that it made them hang, which is noticed."""
ENDED_TOO_LATE = "(the tests did not end)"
COULD_NOT_RUN = "(the tests could not run)"
"""No test has noticed such a change: it breaks the import of a module, or ends Python."""


@dataclass(frozen=True)
class Mutant:
    """name: the change in plain words. old: a text that is in the file once. new: what takes its place.

    tests: arguments for pytest, which select those that should notice it. no_effect: why no test can, if that is so.
    """

    name: str
    file: str
    old: str
    new: str
    tests: str
    no_effect: str = ""

    def problem(self) -> str | None:
        """What is out of date about it."""
        path = ROOT / self.file
        number = path.read_text().count(self.old) if path.is_file() else 0
        if number != 1:
            return f"{self.name}: {self.file} should hold this once, and does {number} times:\n{self.old}"
        paths = [argument.partition("::")[0] for argument in shlex.split(self.tests) if argument.startswith("tests/")]
        missing = [each for each in paths if not (ROOT / each).exists()]
        return f"{self.name}: there is no {', '.join(missing)}" if missing else None


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--only", metavar="TEXT", default="")
    arguments.add_argument("--list", action="store_true")
    arguments.add_argument("--table", type=Path, default=TABLE)
    arguments.add_argument("--at-a-time", type=int, default=AT_A_TIME)
    chosen = arguments.parse_args()
    mutants = [each for each in read(chosen.table) if chosen.only in f"{each.name} {each.file}"]
    if chosen.list:
        for mutant in mutants:
            print(f"{mutant.file}: {mutant.name}" + (f" (without effect: {mutant.no_effect})" * bool(mutant.no_effect)))
        return 0
    if problems := [problem for each in mutants if (problem := each.problem())]:
        print("out of date:", *problems, sep="\n")
        return 2
    return judge(mutants, run_all(mutants, chosen.at_a_time))


def read(table: Path) -> list[Mutant]:
    return [Mutant(**row) for row in tomllib.loads(table.read_text())["mutant"]]


def run_all(mutants: list[Mutant], at_a_time: int) -> list[str]:
    """The test that notices each, or an empty text."""
    with TemporaryDirectory() as directory:
        copies: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(at_a_time):
            copy = Path(directory) / f"copy-{number}"
            copy_checkout(copy)
            check_what_is_imported(copy)
            copies.put(copy)

        def noticed_by(mutant: Mutant) -> str:
            copy = copies.get()
            try:
                test = run(copy, mutant)
            finally:
                copies.put(copy)
            print(f"{mutant.file}: {mutant.name}\n    {test or 'unnoticed'}", flush=True)
            return test

        with ThreadPoolExecutor(at_a_time) as threads:
            return list(threads.map(noticed_by, mutants))


def run(copy: Path, mutant: Mutant) -> str:
    """The test that fails with the change and passes without it."""
    for _ in range(TRIES):
        test = first_red_with(copy, mutant)
        if not test.startswith("tests/") or not first_red(copy, shlex.quote(test)):
            return test
    sys.exit(f"mutants: {test} fails without any change, too")


def first_red_with(copy: Path, mutant: Mutant) -> str:
    file = copy / mutant.file
    original = file.read_text()
    file.write_text(original.replace(mutant.old, mutant.new))
    try:
        return first_red(copy, mutant.tests)
    finally:
        file.write_text(original)


def first_red(copy: Path, tests: str) -> str:
    """The name of the first test that fails; an empty text if all pass."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--tb=no", "-rfE", "-p", "no:cacheprovider", "--timeout=30"]
    command += ["-o", "timeout_method=signal"]  # with threads, pytest would end without a summary
    try:
        done = subprocess.run(
            [*command, *shlex.split(tests)],
            cwd=copy,
            env=environment(copy),
            check=False,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired:
        return ENDED_TOO_LATE
    if done.returncode == 0:
        return ""
    red = RED.findall(done.stdout)
    if not red and done.returncode in (4, 5):  # no such test
        sys.exit(f"mutants: pytest ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return red[0] if red else COULD_NOT_RUN


def judge(mutants: list[Mutant], noticed: list[str]) -> int:
    pairs = list(zip(mutants, noticed, strict=True))
    unnoticed = [mutant for mutant, test in pairs if not test and not mutant.no_effect]
    wrongly_argued = [(mutant, test) for mutant, test in pairs if test and mutant.no_effect]
    for mutant, test in pairs:
        if mutant.no_effect and not test:
            print(f"without effect: {mutant.file}: {mutant.name}: {mutant.no_effect}")
    for mutant, test in wrongly_argued:
        print(f"ARGUED TO BE WITHOUT EFFECT, BUT NOTICED: {mutant.file}: {mutant.name}: {test}")
    for mutant in unnoticed:
        print(f"UNNOTICED: {mutant.file}: {mutant.name}")
    broken = [mutant for mutant, test in pairs if test == COULD_NOT_RUN]
    for mutant in broken:
        print(f"NO TEST COULD RUN: {mutant.file}: {mutant.name}")
    print(f"{sum(map(bool, noticed)) - len(broken)} of {len(mutants)} changes are noticed")
    return int(bool(unnoticed or wrongly_argued or broken))


if __name__ == "__main__":
    sys.exit(main())
