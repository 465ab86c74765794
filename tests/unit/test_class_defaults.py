"""A function that returns its input, or a part of it, loses no default of a dataclass."""

import dataclasses
from typing import Generic, NamedTuple, TypedDict, TypeVar

import attrs
import msgspec
import pytest

from conductor import Task
from conductor.testing import run_worker

T = TypeVar("T")


@dataclasses.dataclass
class Line:
    sku: str
    count: int = 1
    tags: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Frozen:
    sku: str
    count: int = 1


@dataclasses.dataclass(slots=True)
class Slots:
    sku: str
    count: int = 1


@dataclasses.dataclass
class SlotsAndMore(Slots):
    note: str = ""


@dataclasses.dataclass
class Derived(Line):
    note: str = ""


@dataclasses.dataclass
class Box(Generic[T]):
    content: T
    size: int = 3


@dataclasses.dataclass
class Tree:
    name: str = "a"
    children: "list[Tree]" = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Order:
    lines: list[Line]
    by_name: dict[str, Line] | None = None
    first: Line | None = None
    pair: tuple[Line, int] | None = None


class Row(NamedTuple):
    line: Line


class Typed(TypedDict):
    line: Line


class Struct(msgspec.Struct):
    line: Line
    note: str = ""


@attrs.define
class Attrs:
    line: Line
    note: str = ""


@attrs.define
class Converted:
    line: Line
    size: int = attrs.field(default=1, converter=int)


LINE = {"sku": "a"}
FULL = {"sku": "a", "count": 1, "tags": []}


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        (Line, LINE, FULL),
        (Line, LINE | {"count": 2}, FULL | {"count": 2}),
        (Line | None, LINE, FULL),
        (Frozen, LINE, {"sku": "a", "count": 1}),
        (Slots, LINE, {"sku": "a", "count": 1}),
        (SlotsAndMore, LINE, {"sku": "a", "count": 1, "note": ""}),
        (Derived, LINE, FULL | {"note": ""}),
        (Box[int], {"content": 1}, {"content": 1, "size": 3}),
        (Box[Line], {"content": LINE}, {"content": FULL, "size": 3}),
        (
            Tree,
            {"children": [{"children": [{}]}]},
            {"name": "a", "children": [{"name": "a", "children": [{"name": "a", "children": []}]}]},
        ),
        (Order, {"lines": [LINE]}, {"lines": [FULL], "by_name": None, "first": None, "pair": None}),
        (
            Order,
            {"lines": [], "by_name": {"b": LINE}, "first": LINE, "pair": [LINE, 2]},
            {"lines": [], "by_name": {"b": FULL}, "first": FULL, "pair": [FULL, 2]},
        ),
        (Row, {"line": LINE}, {"line": FULL}),
        (Typed, {"line": LINE}, {"line": FULL}),
        (Struct, {"line": LINE}, {"line": FULL, "note": ""}),
        (Attrs, {"line": LINE}, {"line": FULL, "note": ""}),
        (Converted, {"line": LINE}, {"line": FULL, "size": 1}),
        (dict[str, list[Line]], {"b": [LINE]}, {"b": [FULL]}),
    ],
)
def test_an_object_from_the_input_is_returned_with_its_defaults(kind, given, expected):
    def work(value):
        return value

    work.__annotations__["value"] = kind
    assert run_worker(work, given).output_data == expected
    assert run_worker(work, {"value": given}).output_data == expected


def test_input_as_gives_the_defaults_too():
    line = Task("t", "w", input_data=LINE).input_as(Line)
    assert vars(line) == FULL
