"""Members that are null: a field of a structure gets its default, and an entry of a mapping is refused."""

import time
from typing import Annotated, Any

import msgspec
import pydantic
import pytest

from conductor import InvalidInputError, Task
from conductor.testing import run_worker


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    a: int = 5


class Counts(pydantic.RootModel[dict[str, int]]):
    pass


class Open(pydantic.BaseModel, extra="allow"):
    a: int = 5
    __pydantic_extra__: dict[str, int]


class Chosen(pydantic.BaseModel):
    a: int = pydantic.Field(5, validation_alias=pydantic.AliasChoices("number", "orderNo"))


class Circle(msgspec.Struct, tag="circle"):
    a: int = 5


class Square(msgspec.Struct, tag="square"):
    a: int = 6


def outcome(kind: Any, given: dict[str, Any]) -> Any:
    def work(value):
        return repr(value)

    work.__annotations__["value"] = kind
    result = run_worker(work, given)
    return result.reason_for_incompletion or result.output_data["result"]


@pytest.mark.parametrize(
    ("kind", "given", "problem"),
    [
        (dict[str, int], {"a": 1, "b": None}, "$.b: expected int, got null"),
        (dict[str, list[int]], {"a": [1], "b": None}, "$.b: expected array, got null"),
        (Counts, {"a": 1, "b": None}, "$.b: expected a valid integer, got null"),
        (Counts | None, {"a": 1, "b": None}, "$.b: expected a valid integer, got null"),
        (Open, {"b": None}, "$.b: expected a valid integer, got null"),
        (Strict, {"z": None}, "$.z: expected no such member, got null"),
    ],
)
def test_a_null_that_is_no_field_is_refused(kind, given, problem):
    assert outcome(kind, given) == f"InvalidInputError: {problem}"
    with pytest.raises(InvalidInputError) as caught:
        Task("t1", "w1", input_data=given).input_as(kind)
    assert str(caught.value) == problem


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        (Strict, {"a": None}, "Strict(a=5)"),
        (Open, {"a": None, "b": 2}, "Open(a=5, b=2)"),
        (Chosen, {"orderNo": None}, "Chosen(a=5)"),
        (Chosen | None, {"number": None}, "Chosen(a=5)"),
        (Annotated[Chosen, pydantic.Field(title="x")], {"number": None}, "Chosen(a=5)"),
        (Circle | Square, {"type": "square", "a": None}, "Square(a=6)"),
    ],
)
def test_a_field_that_is_null_has_its_default(kind, given, expected):
    assert outcome(kind, given) == expected
    assert repr(Task("t1", "w1", input_data=given).input_as(kind)) == expected


def test_many_nulls_of_a_mapping_are_refused_at_once():
    began = time.monotonic()
    assert "expected int, got null" in outcome(dict[str, int], {f"key{number}": None for number in range(20_000)})
    assert time.monotonic() - began < 10
