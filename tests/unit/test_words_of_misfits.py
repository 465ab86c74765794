"""The words in which an error names the expected type."""

import dataclasses
import enum
from typing import Annotated, Literal

import msgspec
import pydantic
import pytest

from conductor.testing import run_worker


class Cat(pydantic.BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(pydantic.BaseModel):
    kind: Literal["dog"]


Tagged = Annotated[Cat | Dog, pydantic.Field(discriminator="kind")]
OverOne = Annotated[int, pydantic.Field(gt=1)]


class Model(pydantic.BaseModel):
    owner: Cat | None
    number: OverOne
    names: list[str]
    pair: tuple[int, str]
    counts: dict[str, int]
    size: Literal["s", "m"]
    key: int | str


@dataclasses.dataclass
class HoldsModel:
    cat: Cat | None
    cats: list[Cat]
    number: OverOne


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Row(msgspec.Struct, array_like=True):
    number: int


def reasons(annotation, *inputs):
    def work(x, y=None):
        return repr(x)

    work.__annotations__ = {"x": annotation, "y": int}
    results = [run_worker(work, each) for each in inputs]
    return [each.reason_for_incompletion.removeprefix("InvalidInputError: ") for each in results]


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        ("owner", "Cat or null"),
        ("number", "int"),
        ("names", "array"),
        ("pair", "array"),
        ("counts", "object"),
        ("size", "one of 's', 'm'"),
        ("key", "int or str"),
    ],
)
def test_a_missing_member_of_a_model_is_named_as_other_members_are(member, expected):
    given = {"owner": None, "number": 2, "names": [], "pair": [1, "a"], "counts": {}, "size": "s", "key": 1}
    del given[member]
    assert reasons(Model, {"x": given}) == [f"$.x.{member}: expected {expected}, got nothing"]


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [(Cat | None, "Cat or null"), (OverOne, "int"), (list[Cat], "array"), (Cat | Dog, "Cat or Dog")],
)
def test_a_missing_value_of_a_type_of_pydantic_is_named_so_too(annotation, expected):
    assert reasons(annotation, {}) == [f"$.x: expected {expected}, got nothing"]


def test_a_missing_value_of_such_a_type_in_a_dataclass_is_named_so_too():
    given = {"cat": None, "cats": [], "number": 2}
    expected = {"cat": "Cat or null", "cats": "array", "number": "int"}
    for member, words in expected.items():
        part = {name: value for name, value in given.items() if name != member}
        assert reasons(HoldsModel, {"x": part}) == [f"$.x.{member}: expected {words}, got nothing"]


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (Cat | Dog, {"kind": "cow"}, "$.x.kind: expected 'cat' or 'dog', got str"),
        (Cat | Dog, {"kind": "cat"}, "$.x.lives: expected int, got nothing"),
        (Cat | Dog, 5, "$.x: expected an object, got int"),
        (list[Cat | OverOne], ["a"], "$.x[0]: expected an object or a valid integer, got str"),
        (Tagged, {"kind": "cow"}, "$.x: expected a tag of 'cat', 'dog', got object"),
        (Tagged, {}, "$.x: expected a tag in 'kind', got object"),
    ],
)
def test_an_error_in_a_union_of_pydantic_names_all_that_fits_there(annotation, value, expected):
    assert reasons(annotation, {"x": value}) == [expected]


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (Access, 8, "a combination of 1, 2, got int"),
        (float, 10**400, "a number that a float can hold, got int"),
        (Row, {"number": 1}, "array, got object"),
    ],
)
def test_a_rare_type_is_named_by_what_fits(annotation, value, expected):
    assert reasons(annotation, {"x": value}) == [f"$.x: expected {expected}"]
