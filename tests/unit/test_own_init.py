"""Classes whose ``__init__`` a person wrote, with the names of the fields."""

import dataclasses

import attrs
import pytest

from conductor.testing import run_worker


@dataclasses.dataclass
class Price:
    cents: int

    def __init__(self, cents):
        self.cents = cents * 100


@dataclasses.dataclass
class Line:
    count: int


class Dozen(Line):
    def __init__(self, count: int):
        super().__init__(count * 12)


@dataclasses.dataclass
class NamedDozen(Line):
    name: str = "eggs"


@attrs.define
class Weight:
    grams: int

    def __init__(self, grams: int):
        self.grams = grams * 1000


@attrs.define(init=False)
class Parcel:
    grams: int


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        (Price, {"cents": 5}, "Price(cents=500)"),
        (Dozen, {"count": 2.0}, "Dozen(count=24)"),
        (Dozen, {"count": "a"}, "InvalidInputError: $.count: expected int, got str"),
        (list[Dozen], {"value": [{"count": 1}]}, "[Dozen(count=12)]"),
        (NamedDozen, {"count": 2}, "NamedDozen(count=2, name='eggs')"),
        (Weight, {"grams": 2}, "Weight(grams=2000)"),
        (Parcel, {"grams": 2}, "Parcel(grams=2)"),
    ],
)
def test_a_written_init_makes_the_object(kind, given, expected):
    def work(value):
        return repr(value)

    work.__annotations__["value"] = kind
    result = run_worker(work, given)
    assert (result.reason_for_incompletion or result.output_data["result"]) == expected
