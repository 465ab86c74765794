"""Conversion of values that seldom come: an object for a NamedTuple, two spellings of a key, two misfits."""

import collections
import dataclasses
import datetime as dt
from typing import NamedTuple

import pytest

from conductor import InvalidInputError, Task
from conductor.testing import run_worker

Pair = collections.namedtuple("Pair", "a b")  # noqa: PYI024 - its fields have no types


class Entry(NamedTuple):
    key: object
    count: int = 1


@dataclasses.dataclass
class Line:
    count: int


@dataclasses.dataclass
class Holder:
    pair: Pair


def read(kind, value):
    """The value as a field of a structure."""
    return Task("t1", "w1", input_data={"x": value}).input_as(dataclasses.make_dataclass("Data", [("x", kind)])).x


@pytest.mark.parametrize(
    ("kind", "value", "problem"),
    [
        (Pair, {"b": 1}, "$.x.a: expected a value, got nothing"),
        (list[Pair], [{"a": 1, "b": 2}, {"a": 1}], "$.x[1].b: expected a value, got nothing"),
        (Holder, {"pair": {"b": 1}}, "$.x.pair.a: expected a value, got nothing"),
        (Pair | dict[str, int], {"b": "q"}, "$.x.a: expected a value, got nothing"),
        (Entry, {"count": 2.0}, "$.x.key: expected a value, got nothing"),
    ],
)
def test_a_field_of_any_type_must_be_there(kind, value, problem):
    refuses(kind, value, problem)


def test_a_named_tuple_without_types_is_read_from_an_object():
    assert read(Pair, {"b": 1, "a": None}) == Pair(None, 1)
    assert read(Entry, {"key": "a"}) == Entry("a", 1)


def refuses(kind, value, problem):
    with pytest.raises(InvalidInputError) as caught:
        read(kind, value)
    assert str(caught.value) == problem


def test_the_order_of_a_union_does_not_matter():
    for kind in (Line | list[Line], list[Line] | Line):
        assert read(kind, [{"count": 2.0}]) == [Line(2)]
    refuses(Line | tuple[str, str] | None, [1, "q"], "$.x[0]: expected str, got int")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (dict[dt.date, list[int]], {"20260102": [1], "2026-01-02": [2]}),
        (dict[dt.date, Line], {"20260102": {"count": "q"}, "2026-01-02": {"count": 1}}),
    ],
)
def test_two_spellings_of_one_key_are_refused(kind, value):
    """One of the two members would be lost."""
    refuses(kind, value, "$.x: expected a date in ISO 8601 as a key, got str")


def test_a_misfit_beside_two_spellings_of_one_key_has_its_place():
    value = {"2026-01-02": {"a": 1}, "20260102": [2, "q"]}
    refuses(dict[dt.date, list[int]], value, "$.x['2026-01-02']: expected array, got object")


def test_a_misfit_before_another_of_the_same_kind_has_its_place():
    value = {"a": {"p": "q", "r": 1}, "b": {"s": "q"}}
    refuses(dict[str, dict[str, int]], value, "$.x.a.p: expected int, got str")


def test_the_last_moment_of_a_day_is_not_its_first():
    """.NET writes its TimeOnly.MaxValue so. Rounded it would be the midnight at the start of the day."""
    text, last = "23:59:59.9999999", dt.time.max
    assert read(dt.time, text) == last
    assert read(dict[dt.time, list[dt.time | None]], {text: [text, None]}) == {last: [last, None]}

    def work(at: dt.time, count: int = 1):
        return at.isoformat()

    assert run_worker(work, {"at": text}).output_data == {"result": "23:59:59.999999"}


@dataclasses.dataclass
class Chain:
    number: int
    next: "Chain | None" = None


@pytest.mark.parametrize("number", [2.0, "q"])
def test_a_value_that_is_nested_too_deeply_is_refused(number):
    """A retry would end in the same way."""
    value = None
    for each in [*range(700), number]:
        value = {"number": each, "next": value}

    def work(chain: Chain):
        raise AssertionError

    result = run_worker(work, value)
    reason = "InvalidInputError: $: expected a value that is nested less deeply, got object"
    assert (result.status, result.reason_for_incompletion) == ("FAILED_WITH_TERMINAL_ERROR", reason)
