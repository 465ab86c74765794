"""Values that a worker returns, and another takes: typed input gives back what typed output has written."""

import dataclasses
import datetime as dt
import itertools
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, NamedTuple, Optional, TypedDict
from uuid import UUID

import attrs
import msgspec
import pydantic
from hypothesis import HealthCheck, given, settings, strategies as st

from conductor.testing import run_worker
from support.binding_functions import Color, Mood, Percent, Size

ZONES = st.none() | st.integers(-23 * 60, 23 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False)
SCALARS: list[tuple[Any, st.SearchStrategy]] = [
    (bool, st.booleans()),
    (int, st.integers(-(2**63), 2**63)),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (str, TEXTS),
    (bytes, st.binary(max_size=10)),
    (Decimal, DECIMALS),
    (UUID, st.uuids()),
    (dt.datetime, st.datetimes(timezones=ZONES)),
    (dt.date, st.dates()),
    (dt.time, st.times(timezones=ZONES)),
    (dt.timedelta, st.timedeltas()),
    (Color, st.sampled_from(Color)),
    (Size, st.sampled_from(Size)),
    (Mood, st.sampled_from(Mood)),
    (PurePosixPath, TEXTS.map(PurePosixPath)),
    (Percent, st.integers(0, 100)),
    (Literal["a", "b", 3], st.sampled_from(["a", "b", 3])),
    (int | str, st.integers(0, 9) | TEXTS),
]
KEYS = [(kind, values) for kind, values in SCALARS if kind in (str, int, UUID, dt.date, dt.datetime, Color, Size)]
numbers = itertools.count()


def optional(of):
    kind, values = of
    return Optional[kind], st.none() | values  # noqa: UP045 - built at run time


def list_of(of):
    kind, values = of
    return list[kind], st.lists(values, max_size=3)


def tuple_of(of):
    kind, values = of
    return tuple[kind, ...], st.lists(values, max_size=3).map(tuple)


def pair_of(of):
    kind, values = of
    return tuple[kind, int], st.tuples(values, st.integers(0, 9))


def dict_of(key, of):
    return dict[key[0], of[0]], st.dictionaries(key[1], of[1], max_size=3)


def set_of(of):
    kind, values = of
    return set[kind], st.sets(values, max_size=3)


def frozenset_of(of):
    kind, values = of
    return frozenset[kind], st.frozensets(values, max_size=3)


def tagged_union_of(of):
    kind, values = of
    number = next(numbers)
    first, second = (
        msgspec.defstruct(f"U{number}{tag}", [("a", each)], tag=tag) for tag, each in (("x", kind), ("y", int))
    )
    return first | second, st.builds(first, values) | st.builds(second, st.integers(0, 9))


def dataclass_of(of):
    made = dataclasses.make_dataclass(f"D{next(numbers)}", [("a", of[0]), ("b", int, 5)])
    return made, st.builds(made, of[1], st.integers(0, 9))


def frozen_of(of):
    made = dataclasses.make_dataclass(f"F{next(numbers)}", [("a", of[0])], frozen=True, kw_only=True, slots=True)
    return made, st.builds(made, a=of[1])


def struct_of(of):
    made = msgspec.defstruct(f"S{next(numbers)}", [("first_field", of[0])], rename="camel")
    return made, st.builds(made, of[1])


def attrs_of(of):
    made = attrs.make_class(f"A{next(numbers)}", {"a": attrs.field(type=of[0])})
    return made, st.builds(made, of[1])


def named_tuple_of(of):
    made = NamedTuple(f"N{next(numbers)}", [("a", of[0]), ("b", int)])  # noqa: UP014 - made at run time
    return made, st.builds(made, of[1], st.integers(0, 9))


def typed_dict_of(of):
    made = TypedDict(f"T{next(numbers)}", {"a": of[0], "b c": int})
    return made, st.fixed_dictionaries({"a": of[1], "b c": st.integers(0, 9)})


STRUCTURES = (dataclass_of, frozen_of, struct_of, attrs_of, named_tuple_of, typed_dict_of)


def inside_of(types):
    makers = (optional, list_of, tuple_of, pair_of, tagged_union_of)
    return st.one_of(
        *(types.map(make) for make in (*makers, *STRUCTURES)),
        st.sampled_from(SCALARS[:13]).map(set_of),
        st.sampled_from(SCALARS[:13]).map(frozenset_of),
        st.builds(dict_of, st.sampled_from(KEYS), types),
    )


TYPES = st.recursive(st.sampled_from(SCALARS), inside_of, max_leaves=3)


def trip(kind, value, *, as_a_whole=False):
    """The value that a function with this type gets when another has returned the value, alone or as a member."""
    got = []

    def takes(value):
        got.append(value)

    takes.__annotations__["value"] = kind
    sent = run_worker(lambda task: value if as_a_whole else {"value": value})
    assert sent.status == "COMPLETED", sent.reason_for_incompletion
    result = run_worker(takes, sent.output_data)
    assert result.status == "COMPLETED", (kind, value, result.reason_for_incompletion)
    return got[0]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_value_comes_back_as_it_was(data):
    kind, values = data.draw(TYPES)
    value = data.draw(values)
    back = trip(kind, value)
    assert back == value
    assert type(back) is type(value)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_structure_that_is_the_whole_output_comes_back_as_the_whole_input(data):
    kind, values = data.draw(st.one_of(*(TYPES.map(make) for make in STRUCTURES)))
    value = data.draw(values)
    back = trip(kind, value, as_a_whole=True)
    assert back == value
    assert type(back) is type(value)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_pydantic_model_comes_back_as_it_was(data):
    scalars = [each for each in SCALARS if each[0] is not Percent]  # its constraint is one of msgspec
    chosen = data.draw(st.lists(st.sampled_from(scalars), min_size=1, max_size=4))
    config = pydantic.ConfigDict(val_json_bytes="base64")
    fields = {f"field_{n}": (kind, ...) for n, (kind, _) in enumerate(chosen)}
    model = pydantic.create_model("Model", __config__=config, **fields)
    value = model(**{f"field_{n}": data.draw(values) for n, (_, values) in enumerate(chosen)})
    assert trip(model, value) == value
    assert trip(model, value, as_a_whole=True) == value
    assert trip(list[model], [value]) == [value]
    assert trip(Annotated[model, "the"] | None, value) == value
