"""The command line: ``scripts/bench.sh --help``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from contextlib import nullcontext
from fnmatch import fnmatchcase
from pathlib import Path

from benchmarks import embedded_server
from benchmarks.cases import Case, all_cases
from benchmarks.maximum import requests_per_second
from benchmarks.measure import Pace
from benchmarks.plot import svg
from benchmarks.real_server import real_server
from benchmarks.report import markdown
from benchmarks.run import Run
from benchmarks.workers import KEYS, PROJECT, keys_of_all, prepare

BUILT = Path(__file__).parent.parent / ".build" / "benchmarks"
QUICK = Pace(seconds=0.25, warm_up=0.1, longest=1.0)
QUICK_WORKERS = ["project", "urllib3", "lean", "raw"]


def arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("scripts/bench.sh", description="Measures workers, one beside the other.")
    parser.add_argument("--cases", nargs="+", default=["*"], metavar="PATTERN", help="such as 'no-op*'; see --list")
    parser.add_argument("--workers", nargs="+", choices=KEYS, help="all that can run here, unless --quick")
    parser.add_argument("--rounds", type=int, default=0, help="3, or 1 with --quick")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each is measured at least")
    parser.add_argument("--quick", action="store_true", help="ends within two minutes; figures mean little")
    parser.add_argument("--output", type=Path, default=BUILT, help="a folder for the report")
    parser.add_argument("--real-server", metavar="URL", help="instead of one of scripts/conductor_server.sh")
    parser.add_argument("--list", action="store_true", help="print the names of the cases")
    parser.add_argument("--embedded-server", action="store_true", help="measure the embedded server instead of workers")
    options = parser.parse_args(given)
    if not chosen_cases(options):
        parser.error(f"--cases: no case has such a name: {', '.join(options.cases)}")
    if options.seconds <= 0 or options.rounds < 0:
        parser.error("--seconds and --rounds must be positive")
    return options


def chosen_cases(options: argparse.Namespace) -> list[Case]:
    """A quick run uses a real server only if one is named."""
    cases = [case for case in all_cases() if any(fnmatchcase(case.name, pattern) for pattern in options.cases)]
    return [case for case in cases if case.kind != "real server" or not options.quick or options.real_server]


def introduction(rounds: int, pace: Pace) -> list[str]:
    rate, share = requests_per_second(pace.seconds)
    return [
        "`scripts/bench.sh` has measured this: workers of this project, of other libraries as their documentation uses",
        "them, and bare loops, which only poll, call and post. Each measurement is of a new worker program and a new",
        "task server on the same machine. Tasks have all the members that server 3.32.3 sends; outputs are empty.",
        "",
        f"{os.cpu_count()} processors, {platform.system()}, CPython {platform.python_version()}.",
        f"Rounds: {rounds}, each figure measured for {pace.seconds:g} s or more.",
        "Figures are medians; ratios are medians of the ratios within each round.",
        f"The task server answers {rate:,.0f} requests/s with {share:.0%} of a core,",
        f"so {rate / share:,.0f} with a whole one. It is not the limit where it uses much less than a core.",
        "",
        "![No-op tasks by worker](benchmarks.svg)",
    ]


def main() -> int:
    options = arguments(sys.argv[1:])
    if options.embedded_server:
        embedded_server.main(embedded_server.QUICK if options.quick else embedded_server.FULL)
        return 0
    cases = chosen_cases(options)
    if options.list:
        print("\n".join(case.name for case in cases))
        return 0
    return run(options, cases)


def run(options: argparse.Namespace, cases: list[Case]) -> int:
    """Write and print the report. 1: this project has failed in a case."""
    output: Path = options.output
    output.mkdir(parents=True, exist_ok=True)
    keys = options.workers or (QUICK_WORKERS if options.quick else keys_of_all())
    workers = [prepare(key, BUILT) for key in keys]
    names = [worker.name for worker in workers]
    pace = QUICK if options.quick else Pace(options.seconds)
    rounds = options.rounds or (1 if options.quick else 3)
    text = introduction(rounds, pace)
    wants_real = any(case.kind == "real server" for case in cases)
    report = ""
    with real_server(options.real_server) if wants_real else nullcontext() as real_url:
        measured = Run(cases, workers, pace, real_url)
        for results in measured.rounds(rounds):
            report = markdown(results, cases, names, text)
            (output / "benchmarks.md").write_text(report)
            (output / "benchmarks.svg").write_text(svg(results, names))
            (output / "benchmarks.json").write_text(json.dumps(results.as_json(), indent=1) + "\n")
    print(report, end="")
    return 1 if any(place.worker == PROJECT for place in measured.results.errors) else 0


if __name__ == "__main__":
    sys.exit(main())
