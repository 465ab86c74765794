"""A type with a name of its own is read as the type that the name stands for, wherever the name stands."""

import dataclasses
import sys
from typing import Annotated, NewType, TypedDict, TypeVar

import attrs
import pydantic
import pytest
import typing_extensions

from conductor import ConfigurationError, Task, TaskContext
from conductor.testing import run_worker
from conductor.worker import Worker
from support.functions import taking

T = TypeVar("T")
Alias = typing_extensions.TypeAliasType


class Model(pydantic.BaseModel):
    number: int


@attrs.define
class Stripped:
    text: str = attrs.field(converter=str.strip)


Positive = Alias("Positive", Annotated[int, pydantic.Field(gt=0)])
PositiveId = NewType("PositiveId", Annotated[int, pydantic.Field(gt=0)])
MaybePositive = Alias("MaybePositive", Positive | None)
AModel = Alias("AModel", Model)
AStripped = Alias("AStripped", Stripped)
Context = Alias("Context", TaskContext)
TheTask = Alias("TheTask", Task)
PairWith = Alias("PairWith", tuple[T, Positive], type_params=(T,))
Endless = Alias("Endless", "dict[str, Endless] | int")
NotThere = Alias("NotThere", list["Nobody"])  # noqa: F821 - what is tested


@dataclasses.dataclass
class Holder:
    number: Positive
    numbers: list[Positive] = dataclasses.field(default_factory=list)


class DictOfPositive(TypedDict):
    number: Positive


TOO_SMALL = "expected a value greater than 0, got int"


@pytest.mark.parametrize(
    ("annotation", "given", "expected"),
    [
        (Positive, {"x": 0}, f"InvalidInputError: $.x: {TOO_SMALL}"),
        (PositiveId, {"x": 0}, f"InvalidInputError: $.x: {TOO_SMALL}"),
        (list[Positive], {"x": [1, 0]}, f"InvalidInputError: $.x[1]: {TOO_SMALL}"),
        (list[Positive], {"x": [1, 2]}, "[1, 2]"),
        (Positive | None, {"x": 0}, f"InvalidInputError: $.x: {TOO_SMALL}"),
        (MaybePositive, {"x": 0}, f"InvalidInputError: $.x: {TOO_SMALL}"),
        (MaybePositive, {"x": None}, "None"),
        (PairWith[str], {"x": ["a", 0]}, f"InvalidInputError: $.x[1]: {TOO_SMALL}"),
        (PairWith[PairWith[str]], {"x": [["a", 0], 1]}, f"InvalidInputError: $.x[0][1]: {TOO_SMALL}"),
        (Holder, {"number": 0}, f"InvalidInputError: $.number: {TOO_SMALL}"),
        (Holder, {"number": 1, "numbers": [0]}, f"InvalidInputError: $.numbers[0]: {TOO_SMALL}"),
        (AModel | None, {"number": 1}, "Model(number=1)"),
        (list[AStripped], {"x": [{"text": " a "}]}, "[Stripped(text='a')]"),
        (pydantic.JsonValue, {"x": {"a": [1]}}, "{'a': [1]}"),
        (list[pydantic.JsonValue], {"x": [{"a": 1}]}, "[{'a': 1}]"),
    ],
)
def test_a_name_stands_for_its_type_within_other_types_too(annotation, given, expected):
    result = run_worker(taking(annotation), given)
    assert (result.reason_for_incompletion or result.output_data["result"]) == expected


@pytest.mark.parametrize(("annotation", "kind"), [(Context | None, TaskContext), (TheTask | None, Task)])
def test_a_name_of_the_task_or_its_context_stands_for_it_in_a_union(annotation, kind):
    def work(x):
        return isinstance(x, kind)

    work.__annotations__ = {"x": annotation}
    assert run_worker(work, {}).output_data == {"result": True}


@pytest.mark.parametrize("annotation", [Endless, list[Endless], NotThere, DictOfPositive])
def test_a_name_whose_type_cannot_be_read_is_refused(annotation):
    with pytest.raises(ConfigurationError, match="has a parameter 'x'"):
        Worker("t", taking(annotation))


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax is that of Python 3.12")
def test_a_name_in_the_syntax_of_python_3_12_stands_for_its_type_too():
    scope = {"Annotated": Annotated, "Field": pydantic.Field}
    exec("type Small = Annotated[int, Field(lt=3)]\ntype Smalls[K] = dict[K, Small]", scope)  # noqa: S102
    result = run_worker(taking(scope["Smalls"][str]), {"x": {"a": 3}})
    assert result.reason_for_incompletion == "InvalidInputError: $.x.a: expected a value less than 3, got int"
    assert run_worker(taking(scope["Small"] | None), {"x": 2}).output_data == {"result": "2"}
