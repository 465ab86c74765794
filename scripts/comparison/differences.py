"""What differs between the marks of one course on two servers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from difflib import ndiff
from typing import Any, NamedTuple

from msgspec import UNSET

from comparison.run import Mark
from comparison.steps import Json
from conductor.replaying.differences import differences as places

IDENTIFIER = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
SCRIPT_ERROR = re.compile(r"(Error evaluating the script `\w+).*", re.DOTALL)
"""The kind of an error. The rest is a text of the engine that has run the script."""
JQ_ERROR = re.compile(r"(Cannot \w+ \w+ \w+) \(.*?\)")
"""The value in an error of JQ is not in the texts of all engines."""
ALSO_DIFFERENT = frozenset({"forkedTaskDefs"})
"""Members with task definitions, which have times and the members of another version of the server."""
VALUES = ("input", "output", "reason")
FIRST_TIME = 1_000_000_000_000
"""Whole numbers from here on are times in milliseconds: they differ in each run."""


class Difference(NamedTuple):
    kind: str
    """answer, status, tasks, order; with values also reason, input and output."""
    moment: str
    text: str


def first_difference(
    marks: tuple[list[Mark], list[Mark]], names: tuple[str, str], *, values: bool
) -> Difference | None:
    """The first difference of two courses, and of one moment the most important one."""
    for one, other in zip(*marks, strict=False):
        for difference in _differences(one, other, names, values):
            return difference
    if len(marks[0]) != len(marks[1]):
        return Difference("answer", "end", f"{len(marks[0])} marks on {names[0]}, {len(marks[1])} on {names[1]}")
    return None


def _differences(one: Mark, other: Mark, names: tuple[str, str], values: bool) -> Iterator[Difference]:
    def of(kind: str, text: str) -> Difference:
        return Difference(kind, one.moment, text)

    if one.answer != other.answer:
        yield of("answer", f"{names[0]} {one.answer}, {names[1]} {other.answer}")
    if one.status != other.status:
        reasons = f"{one.reason or ''} | {other.reason or ''}"
        yield of("status", f"{names[0]} {one.status}, {names[1]} {other.status} ({reasons})")
    lines = [_line(task) for task in one.tasks], [_line(task) for task in other.tasks]
    if sorted(lines[0]) != sorted(lines[1]):
        changed = [line for line in ndiff(*lines) if line[0] in "+-"]
        yield of("tasks", f"only on {names[0]} (-) or {names[1]} (+): " + ", ".join(changed))
    elif lines[0] != lines[1]:
        yield of("order", f"{names[0]} {lines[0]}, {names[1]} {lines[1]}")
    if values:
        yield from (of(kind, text) for kind, text in _values(one, other, names))


def _line(task: Json) -> str:
    retry, iteration = (f" {name} {task[key]}" if task[key] else "" for name, key in _COUNTS)
    return f"{task['path']}{task['ref']} {task['type']} {task['status']}{retry}{iteration}"


_COUNTS = (("retry", "retries"), ("iteration", "iteration"))


def _values(one: Mark, other: Mark, names: tuple[str, str]) -> Iterator[tuple[str, str]]:
    """Differences of reasons, inputs and outputs of the same tasks in the same order."""
    pairs = [("output", "workflow", one.output, other.output), ("reason", "workflow", one.reason, other.reason)]
    for first, second in zip(one.tasks, other.tasks, strict=False):
        pairs += [(kind, _line(first), first[kind] or None, second[kind] or None) for kind in VALUES]
    for kind, where, left, right in pairs:
        for place in places(_without_chance(left), _without_chance(right)):
            texts = f"{names[0]} {_short(place.recorded)}, {names[1]} {_short(place.here)}"
            yield kind, f"{where}: {place.path}: {texts}"


def _without_chance(value: Any) -> Any:
    """The value without what differs in each run, such as ids and times."""
    if isinstance(value, str):
        plain = INSTANT.sub("(time)", IDENTIFIER.sub("(id)", value))
        return JQ_ERROR.sub(r"\1", SCRIPT_ERROR.sub(r"\1", plain))
    if isinstance(value, list):
        return [_without_chance(inner) for inner in value]
    if isinstance(value, dict):
        return {
            _without_chance(key): _without_chance(inner) for key, inner in value.items() if key not in ALSO_DIFFERENT
        }
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= FIRST_TIME:
        return "(time)"
    return value


def _short(value: Any) -> str:
    text = "nothing" if value is UNSET else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= 300 else f"{text[:300]}…"
