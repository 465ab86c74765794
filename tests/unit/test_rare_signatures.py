"""Signatures that seldom come: names that a class keeps for itself, typed ``**`` members, a task with a default."""

import datetime as dt
from typing import NotRequired, TypedDict, Unpack

import pytest

from conductor import Task
from conductor.testing import run_worker


def outcome(function, given):
    result = run_worker(function, given)
    return result.reason_for_incompletion or result.output_data["result"]


def mangled(__x: int):  # noqa: PYI063 - what is tested
    return __x


def special(__slots__: int, __init__: int = 2):
    return [__slots__, __init__]


@pytest.mark.parametrize(
    ("function", "given", "expected"),
    [
        (mangled, {"__x": 1}, 1),
        (mangled, {"__x": "a"}, "InvalidInputError: $.__x: expected int, got str"),
        (special, {"__slots__": 1}, [1, 2]),
        (special, {"__slots__": 1, "__init__": 3}, [1, 3]),
    ],
)
def test_a_parameter_may_have_a_name_that_python_keeps_for_classes(function, given, expected):
    assert outcome(function, given) == expected


class Options(TypedDict):
    number: int
    day: NotRequired[dt.date]


def together(**more: Unpack[Options]):
    return sorted(more)


def test_null_leaves_a_member_out_that_a_typed_dict_does_not_require():
    assert outcome(together, {"number": 1, "day": None}) == ["number"]
    assert outcome(together, {"number": None}) == "InvalidInputError: $.number: expected int, got null"
    assert (
        outcome(together, {"number": 1, "day": "x"}) == "InvalidInputError: $.day: expected a date in ISO 8601, got str"
    )


def test_a_task_with_a_default_is_the_task_beside_parameters_with_defaults():
    def work(x: int = 1, task=None):
        return [x, type(task) is Task]

    for given in ({}, {"x": 2, "task": 3}):
        assert outcome(work, given) == [1, True]


def test_two_names_of_the_task_are_members_of_the_input():
    def work(task=None, _=None):
        return [task, _]

    assert outcome(work, {"task": 1}) == [1, None]
