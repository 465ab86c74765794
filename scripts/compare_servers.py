"""Runs the workflow definitions of a folder on two Conductor servers, and shows where the servers differ.

Each definition is registered on both servers. A generic worker leads it through several courses: all tasks complete,
tasks fail at first or for good, retry, rerun, restart, termination, pause, and skipped tasks. After each operation and
at the end, the status of the workflow and the sequence of its tasks are compared. HTTP tasks reach a web server of this
script, and no other machine.

The exit status is 0 if all definitions agree or are refused by both servers, and 1 otherwise.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from comparison.comparing import Asked, Comparison, Side, compare
from comparison.courses import COURSES
from comparison.loopback import loopback
from comparison.report import as_json, line, summary
from comparison.run import Pace
from comparison.server import Server
from comparison.steps import Json, read_definitions

from conductor.testing import DevServer

EMBEDDED = "embedded"
EMBEDDED_PACE = Pace(at_rest=0.0, in_motion=1.0)


def main() -> int:
    options = _options()
    courses = [course for course in COURSES if not options.course or course.name in options.course]
    known = {definition["name"]: definition for _, definition in read_definitions([*options.paths, *options.known])}
    asked = Asked(courses, options.values, options.tries)
    comparisons: list[Comparison] = []
    with loopback() as address:
        pace = Pace(options.rest, options.motion)
        sides = (_side(options.one, options.names[0], pace), _side(options.other, options.names[1], pace))
        names = (sides[0].name, sides[1].name)
        for file, definition in read_definitions(options.paths):
            found = compare(file, definition, known, sides, asked=asked, loopback=address)
            comparisons.append(found)
            if options.json is not True:
                print(line(found, names), flush=True)
    if options.json:
        print(json.dumps(as_json(comparisons, names), indent=1))
    else:
        print(summary(comparisons, names))
    return int(any(found.verdict not in {"agrees", "refused by both"} for found in comparisons))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("one", help=f"the URL of a server, or {EMBEDDED!r} for the embedded server")
    parser.add_argument("other", help="the same for the other server")
    parser.add_argument("paths", nargs="+", type=Path, help="files of definitions, or folders of such files")
    parser.add_argument("--known", action="append", default=[], type=Path, help="a folder with more sub-workflows")
    parser.add_argument("--course", action="append", choices=[course.name for course in COURSES], metavar="NAME")
    parser.add_argument("--values", action="store_true", help="compare inputs, outputs and reasons, too")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    parser.add_argument("--tries", type=int, default=1, help="how often a course must differ to count as different")
    parser.add_argument("--rest", type=float, default=0.15, help="seconds without a change until a server is at rest")
    parser.add_argument("--motion", type=float, default=6.0, help="the same while the server has something to do")
    parser.add_argument("--names", nargs=2, default=("one", "other"), help="the names of the servers in the texts")
    return parser.parse_args()


def _side(url: str, name: str, pace: Pace) -> Side:
    if url != EMBEDDED:
        return Side(name, lambda _: Server(name, url), pace)

    @contextmanager
    def embedded(outputs: dict[str, Json]) -> Iterator[Server]:
        with DevServer(stubs=outputs) as server, Server(name, server.url) as connection:
            yield connection

    return Side(name, embedded, EMBEDDED_PACE)


if __name__ == "__main__":
    sys.exit(main())
