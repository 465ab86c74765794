"""Classes whose ``__init__`` a person wrote, or that convert their arguments."""

import dataclasses

import attrs
import pytest

from conductor.testing import run_worker


def outcome(kind, given):
    def work(value):
        return repr(value)

    work.__annotations__["value"] = kind
    result = run_worker(work, given)
    return result.reason_for_incompletion or result.output_data["result"]


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


@attrs.define
class Label:
    size: int = attrs.field(default=1, validator=attrs.validators.ge(0))
    text: str = attrs.field(default="x", converter=str.upper)
    more: str = attrs.field(default="y", converter=str.upper)
    note: str = attrs.field(default="z", converter=str)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"text": None}, "Label(size=1, text='X', more='Y', note='z')"),
        ({"text": None, "more": None}, "Label(size=1, text='X', more='Y', note='z')"),
        ({"more": "a", "note": None}, "Label(size=1, text='X', more='A', note='None')"),
        ({"text": 5, "more": None}, "InvalidInputError: $: refused by a validator of its class"),
        ({"size": -1, "text": None}, "InvalidInputError: $: refused by a validator of its class"),
        ({"value": {"text": None}}, "InvalidInputError: $.value.text: expected a value, got null"),
    ],
)
def test_null_leaves_a_field_its_default_if_its_converter_refuses_it(given, expected):
    assert outcome(Label, given) == expected


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
    assert outcome(kind, given) == expected
