"""Types that would be read without a part of what they say, or that msgspec cannot hold, are refused."""

import dataclasses
from typing import Annotated, NamedTuple, TypedDict

import annotated_types
import attrs
import msgspec
import pydantic
import pytest

from conductor import ConfigurationError
from conductor.testing import run_worker
from conductor.worker import Worker
from support.functions import taking

Positive = Annotated[int, pydantic.Field(gt=0)]
AtMostFive = Annotated[int, msgspec.Meta(le=5)]
Short = Annotated[str, msgspec.Meta(max_length=2)]


class Model(pydantic.BaseModel):
    number: int


class StructOfField(msgspec.Struct):
    number: Positive


class StructOfAnnotatedTypes(msgspec.Struct):
    number: Annotated[int, annotated_types.Gt(0)]


class DictOfField(TypedDict):
    numbers: list[Positive]


class DictOfPositive(TypedDict):
    number: pydantic.PositiveInt | None


class TupleOfField(NamedTuple):
    number: Positive


@dataclasses.dataclass
class HoldsStruct:
    inner: list[StructOfField]


class HoldsDataclass(msgspec.Struct):
    inner: "DataclassOfField"


@dataclasses.dataclass
class DataclassOfField:
    number: Positive


class Described(msgspec.Struct):
    number: Annotated[int, pydantic.Field(description="how many")]
    model: Model
    models: list[Model] = []


@attrs.define
class Stripped:
    text: str = attrs.field(converter=str.strip)


class StructOfStripped(msgspec.Struct):
    texts: list[Stripped]


class DictOfStripped(TypedDict):
    text: Stripped | None


class TupleOfStripped(NamedTuple):
    text: Stripped


@pytest.mark.parametrize(
    "annotation",
    [
        *(StructOfField, StructOfAnnotatedTypes, DictOfField, DictOfPositive, TupleOfField),
        *(HoldsStruct, HoldsDataclass, list[StructOfField], DictOfField | None),
    ],
)
def test_a_constraint_of_pydantic_in_a_class_that_msgspec_reads_is_refused(annotation):
    with pytest.raises(ConfigurationError, match=r"msgspec does not check .*Annotated\[int"):
        Worker("t", taking(annotation))


@pytest.mark.parametrize("annotation", [StructOfStripped, DictOfStripped, TupleOfStripped])
def test_a_class_with_a_converter_in_a_class_that_msgspec_reads_is_refused(annotation):
    with pytest.raises(ConfigurationError, match=r"msgspec makes .*Stripped without its __init__"):
        Worker("t", taking(annotation))


@pytest.mark.parametrize("annotation", [tuple[AtMostFive, Model], Annotated[Positive, msgspec.Meta(le=5)]])
def test_a_constraint_of_msgspec_in_a_type_that_pydantic_reads_is_refused(annotation):
    with pytest.raises(ConfigurationError, match=r"pydantic does not check .*Annotated\[int"):
        Worker("t", taking(annotation))


@pytest.mark.parametrize(
    ("annotation", "given", "expected"),
    [
        (Described, {"number": 1, "model": {"number": 2}}, "Described(number=1, model=Model(number=2), models=[])"),
        (DataclassOfField, {"number": 0}, "InvalidInputError: $.x.number: expected a value greater than 0, got int"),
        (tuple[Annotated[int, msgspec.Meta(title="n")], Model], [1, {"number": 2}], "(1, Model(number=2))"),
        (tuple[int, int] | Annotated[str, msgspec.Meta(pattern="a")], [1, 2], "(1, 2)"),
        (tuple[int, ...] | Short, [1, 2], "(1, 2)"),
        (tuple[Short, int] | str, ["a", 2], "('a', 2)"),
    ],
)
def test_a_type_of_which_all_is_read_is_accepted(annotation, given, expected):
    result = run_worker(taking(annotation), {"x": given})
    assert (result.reason_for_incompletion or result.output_data["result"]) == expected


@pytest.mark.parametrize(
    "annotation",
    [
        tuple[int, int] | Short,
        Short | tuple[int, int] | None,
        tuple[int, int] | AtMostFive,
        tuple[int, int] | Annotated[dict[str, int], msgspec.Meta(min_length=1)],
        list[tuple[()] | Annotated[float, msgspec.Meta(multiple_of=2)]],
    ],
)
def test_a_union_that_msgspec_cannot_hold_is_refused(annotation):
    """msgspec 0.22 ends the process when it forgets such a type."""
    with pytest.raises(ConfigurationError, match="msgspec cannot hold a tuple beside a type with a limit"):
        Worker("t", taking(annotation))
