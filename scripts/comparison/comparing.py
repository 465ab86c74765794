"""Leads one definition through all courses on two servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import NamedTuple

from comparison.courses import Course
from comparison.differences import Difference, first_difference
from comparison.run import Mark, Pace, Run
from comparison.server import Answer, LostError, Server
from comparison.steps import Json, needed_workflows, prepared, worker_tasks
from comparison.values import NOTHING, NUMBERS, TEXTS, Values, Variant

Opened = Callable[[dict[str, Json]], AbstractContextManager[Server]]
"""Opens the connection to a server for one definition, with the outputs of its tasks for stubs."""


class Side(NamedTuple):
    """One of the two servers."""

    name: str
    open: Opened
    pace: Pace


class Asked(NamedTuple):
    """What is compared."""

    courses: Sequence[Course]
    values: bool
    """Inputs, outputs and reasons are compared, too."""
    tries: int
    """A course is led again until it agrees or has differed as often. Servers with several threads have races."""


class Seen(NamedTuple):
    """A definition on one server."""

    registered: Answer
    courses: dict[str, list[Mark]]


class Comparison(NamedTuple):
    """A definition on both servers."""

    file: str
    registered: tuple[Answer, Answer]
    courses: int
    differences: dict[str, Difference]
    """By course."""

    @property
    def verdict(self) -> str:
        taken = [answer.status == 200 for answer in self.registered]
        if not all(taken):
            return "refused by both" if not any(taken) else "taken by one"
        return "differs" if self.differences else "agrees"


def compare(
    file: str, definition: Json, known: dict[str, Json], sides: tuple[Side, Side], *, asked: Asked, loopback: str
) -> Comparison:
    """Register the definition on both servers and lead it through the courses. Both run at the same time."""
    ready = prepared(definition, loopback)
    needed = [prepared(child, loopback) for child in needed_workflows(definition, known)]
    values_of = {variant: Values([ready, *needed], variant, loopback) for variant in (TEXTS, NUMBERS, NOTHING)}
    names = (sides[0].name, sides[1].name)
    found: dict[str, Difference] = {}
    courses, differing = asked.courses, {course.name for course in asked.courses}
    for _ in range(asked.tries):
        with ThreadPoolExecutor(2) as threads:
            seen = list(threads.map(lambda side, courses=courses: _see(side, ready, needed, courses, values_of), sides))
        differences = _differences(seen, courses, names, values=asked.values)
        found = {name: difference for name, difference in differences if name in differing}
        differing = set(found)
        # The first course counts the tasks for the others.
        courses = [course for course in asked.courses if course.name in differing or course is asked.courses[0]]
        if not found:
            break
    return Comparison(file, (seen[0].registered, seen[1].registered), len(asked.courses), found)


def _differences(
    seen: Sequence[Seen], courses: Sequence[Course], names: tuple[str, str], *, values: bool
) -> Iterator[tuple[str, Difference]]:
    for course in courses:
        one, other = (side.courses.get(course.name) for side in seen)
        if one is not None and other is not None:
            difference = first_difference((one, other), names, values=values)
            if difference is not None:
                yield course.name, difference


def _see(
    side: Side, definition: Json, needed: list[Json], courses: Sequence[Course], values: dict[Variant, Values]
) -> Seen:
    stubs = values[TEXTS].stubs()
    with side.open(stubs) as server:
        for child in needed:
            server.register(child, worker_tasks(child))
        registered = server.register(definition, worker_tasks(definition))
        if registered.status != 200:
            return Seen(registered, {})
        marks: dict[str, list[Mark]] = {}
        count = 0
        for number, course in enumerate(courses):
            run = Run(server, definition, values[course.variant], stubs, side.pace)
            marks[course.name] = _lead(run, course, definition, count)
            if number == 0:
                count = len(run.ended_tasks)
        return Seen(registered, marks)


def _lead(run: Run, course: Course, definition: Json, count: int) -> list[Mark]:
    if run.started.status != 200:
        return [Mark("start", run.started.status, "refused", run.started.text, None, [])]
    try:
        course.lead(run, definition, count)
    except LostError as error:
        run.marks.append(Mark("lost", 0, "lost", str(error), None, []))
    finally:
        run.close()
    return run.marks
