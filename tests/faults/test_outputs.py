"""Outputs of many types: they arrive as the table in conductor/_output.py says, or the task fails for good, and its
reason has the path of the value that does not.
"""

import base64
import collections
import dataclasses
import datetime as dt
import decimal
import pathlib
import types
import uuid

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given, strategies as st

from support.outputs import (
    UNSENDABLE,
    Colour,
    Float64,
    Item,
    Order,
    Point,
    Text,
    one_bad_value,
    output_of,
    refusal_of,
    repeatably,
    sound,
)


def attrs_order():
    return attrs.make_class("Order", ["keys", "when"])(["k"], dt.date(2026, 1, 2))


def pydantic_order():
    return pydantic.create_model("Order", keys=list[str], when=dt.date)(keys=["k"], when=dt.date(2026, 1, 2))


@dataclasses.dataclass
class Partly:
    a: int
    _b: int = 2
    c: int = dataclasses.field(init=False, default=3)


@pytest.mark.parametrize(
    ("value", "output"),
    [
        ({}, {}),
        ({"a": None}, {"a": None}),
        (Order(["k"]), {"keys": ["k"], "when": None}),
        (Item(2.5), {"unitPrice": 2.5}),
        (Point(1, 2), {"x": 1, "y": 2}),
        ({"p": Point(1, 2)}, {"p": [1, 2]}),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        (collections.UserDict(a=1), {"a": 1}),
        ({"t": dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC)}, {"t": "2026-01-02T03:00:00Z"}),
        ({"d": dt.timedelta(seconds=5)}, {"d": "PT5S"}),
        ({"u": uuid.UUID(int=1)}, {"u": "00000000-0000-0000-0000-000000000001"}),
        ({"d": decimal.Decimal("1.50")}, {"d": "1.50"}),
        ({"c": Colour.RED}, {"c": "red"}),
        ({"p": pathlib.PurePosixPath("/tmp")}, {"p": "/tmp"}),  # noqa: S108
        ({1: "a", Colour.RED: "b"}, {"1": "a", "red": "b"}),
        ({"s": Text("a"), "f": Float64(0.5), Text("k"): 1}, {"s": "a", "f": 0.5, "k": 1}),
        ({"the word": "null"}, {"the word": "null"}),
        ({"d": decimal.Decimal("NaN")}, {"d": "NaN"}),
        (Partly(1), {"a": 1, "_b": 2}),
    ],
)
def test_w7_values_arrive_as_the_table_says(value, output):
    assert output_of(value) == output


@pytest.mark.parametrize("make", [attrs_order, pydantic_order])
def test_w7_models_of_other_libraries_arrive_as_their_fields(make):
    assert output_of(make()) == {"keys": ["k"], "when": "2026-01-02"}
    assert output_of({"order": [make()]}) == {"order": [{"keys": ["k"], "when": "2026-01-02"}]}


def test_w7_of_an_attrs_object_go_out_the_attributes_without_an_underscore():
    value = attrs.make_class("Partly", ["a", "_b"])(1, 2)
    value.more = 3
    assert output_of(value) == {"a": 1, "more": 3}


def test_w7_values_of_pydantics_own_types_arrive_as_their_text():

    class Password(pydantic.SecretStr):
        pass

    types_of = {"url": pydantic.HttpUrl, "dsn": pydantic.PostgresDsn, "secret": pydantic.SecretStr, "own": Password}
    model = pydantic.create_model("Account", **types_of)
    account = model(url="http://host/x", dsn="postgres://host/db", secret="hush", own="hush")
    written = {"url": "http://host/x", "dsn": "postgres://host/db", "secret": "**********", "own": "**********"}
    assert output_of(account) == written
    assert output_of({"accounts": [account], account.url: 1}) == {"accounts": [written], "http://host/x": 1}


def test_w7_what_else_comes_from_pydantic_is_refused():
    model = pydantic.create_model("Order", keys=list[str])
    with pytest.raises(pydantic.ValidationError) as caught:
        model(keys="k")
    assert refusal_of({"a": model}) == "a: ModelMetaclass has no JSON form"
    assert refusal_of({"a": caught.value}) == "a: ValidationError has no JSON form"


def as_written(value, text):
    """What a reader makes of JSON text who knows the value's type."""
    if isinstance(value, bytes):
        return base64.b64decode(text)
    if isinstance(value, pathlib.PurePath | Text | Float64):
        return type(value)(text)
    return msgspec.convert(text, type(value))


def assert_reads_back(value, output):
    if isinstance(value, Order):
        value = vars(value)
    if isinstance(value, dict):
        assert output.keys() == value.keys()
        for key, inner in value.items():
            assert_reads_back(inner, output[key])
    elif isinstance(value, list | tuple):
        assert len(output) == len(value)
        for inner, written in zip(value, output, strict=True):
            assert_reads_back(inner, written)
    else:
        assert value is output if value is None else as_written(value, output) == value


@repeatably
@given(sound)
def test_w7_whatever_the_table_holds_reads_back(value):
    output = output_of(value)
    if value is None:
        assert output == {}
    else:
        assert_reads_back(value, output if isinstance(value, dict | Order) else output["result"])


@repeatably
@given(st.frozensets(st.integers() | st.text()))
def test_w7_a_set_arrives_as_a_list_of_its_members(value):
    written = output_of({"members": value})["members"]
    assert len(written) == len(value)
    assert set(written) == value


class Endless(collections.UserDict):
    def __getitem__(self, key):
        return self


class Mute(str):
    __slots__ = ()

    def __str__(self):
        raise RuntimeError


class Exiting(collections.UserDict):
    def __iter__(self):
        raise SystemExit(3)


@repeatably
@given(one_bad_value())
def test_w7_what_json_cannot_hold_is_refused_with_its_path(value_and_path):
    value, path = value_and_path
    assert refusal_of(value).startswith(f"{path}: ")


@pytest.mark.parametrize("value", UNSENDABLE.values(), ids=UNSENDABLE)
def test_w7_each_kind_of_it_is_refused_by_itself_and_inside_a_model(value):
    assert refusal_of(value).startswith("output: ")
    assert refusal_of(Order([0, {"n": value}])).startswith("keys[1].n: ")


@pytest.mark.parametrize(
    "value", [Endless(a=1), Mute("x"), Exiting(a=1), msgspec.Raw(b"no JSON"), msgspec.Raw(b"[" * 2000)]
)
def test_w7_nothing_that_the_values_own_code_does_gets_out(value):
    assert refusal_of(value)
    assert refusal_of({"a": [value]})
