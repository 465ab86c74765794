"""Values that a worker function may return, those that it may not, and what becomes of them."""

import collections
import dataclasses
import datetime as dt
import enum
import json
import math
import pathlib
import threading
from typing import NamedTuple

import msgspec
from hypothesis import settings, strategies as st

from conductor.testing import run_worker
from support.spelling import as_coroutine

FINAL = "FAILED_WITH_TERMINAL_ERROR"

repeatably = settings(derandomize=True, deadline=None)


def sent(value):
    """What goes out for a function that returns the value, which is the same for ``def`` and ``async def``."""
    result = msgspec.json.encode(run_worker(lambda task: value))
    assert msgspec.json.encode(run_worker(as_coroutine(lambda task: value))) == result
    return json.loads(result)


def output_of(value):
    result = sent(value)
    assert result["status"] == "COMPLETED", result["reasonForIncompletion"]
    return result.get("outputData", {})


def refusal_of(value):
    """The reason, without its beginning, which is always the same."""
    result = sent(value)
    assert result["status"] == FINAL
    assert "outputData" not in result
    assert len(result["reasonForIncompletion"]) <= 500
    beginning, _, reason = result["reasonForIncompletion"].partition(": ")
    assert beginning == "the result cannot be sent"
    return reason


@dataclasses.dataclass
class Order:
    keys: list
    when: object = None


class Point(NamedTuple):
    x: int
    y: int


class Item(msgspec.Struct, rename="camel"):
    unit_price: float


class Colour(enum.Enum):
    RED = "red"


class Text(str):
    __slots__ = ()


class Float64(float):
    """As numpy has one."""

    __slots__ = ()


class Int64:
    """As numpy has one: no int of Python's."""


moments = st.datetimes(timezones=st.sampled_from([dt.UTC, dt.timezone(dt.timedelta(hours=-3))])) | st.datetimes()
plain = st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
typed = (
    st.integers(-(10**1000) + 1, 10**1000 - 1)
    | st.binary()
    | moments
    | st.dates()
    | st.times()
    | st.timedeltas(dt.timedelta(days=-99_999_999), dt.timedelta(days=99_999_999))
    | st.uuids()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.sampled_from([Colour.RED, pathlib.PurePosixPath("a/b"), Text("t"), Float64(0.5)])
)
sound = st.recursive(
    plain | typed,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(), inner, max_size=4)
        | st.builds(Order, st.lists(inner, max_size=2), inner)
    ),
    max_leaves=12,
)


class Broken(collections.UserDict):
    def __iter__(self):
        raise OSError


class Growing(collections.UserDict):
    def __iter__(self):
        for key in self.data:
            self.data[key + "x"] = 1
            yield key


CIRCLE = []
CIRCLE.append(CIRCLE)
UNSENDABLE = {
    "object": object(),
    "lock": threading.Lock(),
    "class": Order,
    "function": refusal_of,
    "generator": (number for number in ()),
    "complex": 2j,
    "number of another library": Int64(),
    "a mapping that cannot be read": Broken(a=1),
    "a mapping that changes": Growing(a=1),
    "exception": ValueError("x"),
    "nan": math.nan,
    "infinity": -math.inf,
    "nan of a subclass": Float64("nan"),
    "digits": 10**1000,
    "half a character": "\ud800",
    "a tuple as a key": {(1, 2): 3},
    "None as a key": {None: 3},
    "a bool as a key": {True: 3},
    "two equal keys": {1: "x", "1": "y"},
}

any_unsendable = st.sampled_from(list(UNSENDABLE.values()))


@st.composite
def one_bad_value(draw, bad=any_unsendable):
    """A value that holds one that JSON cannot hold, and the path to it."""
    value, path = draw(bad), ""
    for step in draw(st.lists(st.sampled_from(["list", "tuple", "dict", "dataclass"]), max_size=6)):
        if step == "dict":
            key = draw(st.from_regex(r"[a-z]{1,8}", fullmatch=True))
            siblings = draw(st.dictionaries(st.from_regex(r"[A-Z]{1,8}", fullmatch=True), sound, max_size=2))
            value, path = {**siblings, key: value}, f".{key}{path}"
        elif step == "dataclass":
            value, path = Order(draw(st.lists(sound, max_size=1)), value), f".when{path}"
        else:
            before = draw(st.lists(sound, max_size=2))
            items = [*before, value, *draw(st.lists(sound, max_size=2))]
            value, path = (items if step == "list" else tuple(items)), f"[{len(before)}]{path}"
    return value, path.removeprefix(".") or "output"
