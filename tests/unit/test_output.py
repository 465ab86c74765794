"""The output as plain JSON: its size, and that it shares nothing with the value. Its table has tests in faults/."""

import datetime as dt
import decimal
import enum
import math
import pathlib
import uuid

import msgspec
import pytest
from hypothesis import given, strategies as st

from conductor import TaskDef, WorkflowTask
from conductor._output import UnsendableOutput, output_data


def test_the_output_shares_nothing_with_the_value():
    value = {"list": [1]}
    data, _ = output_data(value)
    value["list"].append(2)
    assert data == {"list": [1]}


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8")),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=20,
        ),
    )
)
def test_plain_json_values_come_through_unchanged_or_are_refused(value):
    try:
        data, size = output_data(value)
    except UnsendableOutput as problem:
        assert "NaN" in str(problem) or "Unicode" in str(problem)  # noqa: PT017 - either branch is right
    else:
        assert data == value
        assert size == len(msgspec.json.encode(value))


def test_a_definition_becomes_what_a_server_is_sent_of_it():
    task_def = TaskDef("n", retry_count=3, unknown_members={"tags": [1]})
    wire = {"name": "n", "retryCount": 3, "tags": [1]}
    assert output_data(task_def)[0] == wire
    assert output_data({"dynamicTasks": [WorkflowTask("a", "b", task_definition=task_def)]})[0] == {
        "dynamicTasks": [{"name": "a", "taskReferenceName": "b", "taskDefinition": wire}]
    }
    assert output_data({"unknownMembers": {"of": "the user"}})[0] == {"unknownMembers": {"of": "the user"}}


class FrozenDateTime(dt.datetime):
    """As libraries make them: with pickles and texts of their own."""

    def __reduce__(self):
        return int, ()

    def __reduce_ex__(self, protocol):
        return int, ()

    def isoformat(self, *args, **kwargs):
        return "another"


class Day(dt.date):
    def __reduce__(self):
        return int, ()


class Time(dt.time):
    pass


class Duration(dt.timedelta):
    def __reduce__(self):
        return int, ()


class Price(decimal.Decimal):
    pass


class Blob(bytes):
    def __bytes__(self):
        return self


class Word(str):
    __slots__ = ()

    def __str__(self):
        return self


class NotATime(dt.datetime):
    def __str__(self):
        return "NaT"


BERLIN = dt.timezone(dt.timedelta(hours=1))


class Folded(dt.tzinfo):
    """Summer time at first, winter time in an hour's second turn."""

    def utcoffset(self, when):
        return dt.timedelta(hours=1 if when.fold else 2)


@pytest.mark.parametrize(
    ("kind", "base", "arguments"),
    [
        (FrozenDateTime, dt.datetime, (2026, 1, 2, 3, 4, 5, 6)),
        (FrozenDateTime, dt.datetime, (2026, 1, 2, 3, 4, 5, 0, dt.UTC)),
        (FrozenDateTime, dt.datetime, (2026, 1, 2, 3, 4, 5, 0, BERLIN)),
        (Day, dt.date, (2026, 1, 2)),
        (Time, dt.time, (1, 2, 3, 4, dt.UTC)),
        (Duration, dt.timedelta, (1, -2, 3)),
        (Price, decimal.Decimal, ("1.50",)),
        (Price, decimal.Decimal, ("NaN",)),
        (Blob, bytes, (b"abc",)),
        (Word, str, ("abc",)),
    ],
)
def test_an_instance_of_a_subclass_is_written_as_its_base_class_would_be(kind, base, arguments):
    assert output_data(kind(*arguments)) == output_data(base(*arguments))
    assert output_data({"a": [kind(*arguments)]}) == output_data({"a": [base(*arguments)]})


def test_a_subclass_knows_the_second_turn_of_an_hour():
    given = FrozenDateTime(2026, 10, 25, 2, 30, fold=1, tzinfo=Folded())
    assert output_data(given)[0] == {"result": "2026-10-25T02:30:00+01:00"}


def test_a_subclass_may_be_a_key():
    assert output_data({Day(2026, 1, 2): 1})[0] == {"2026-01-02": 1}


def test_a_subclass_is_written_while_a_library_has_replaced_the_classes(monkeypatch):
    monkeypatch.setattr(dt, "datetime", FrozenDateTime)
    monkeypatch.setattr(dt, "date", Day)
    assert output_data([FrozenDateTime(2026, 1, 2), Day(2026, 1, 2)])[0] == {
        "result": ["2026-01-02T00:00:00", "2026-01-02"]
    }


def test_a_datetime_that_is_none_is_refused():
    with pytest.raises(UnsendableOutput, match="when: NotATime has no JSON form"):
        output_data({"when": NotATime(1, 1, 1)})


class Rating(enum.Enum):
    GOOD = 1


class Rate(enum.Enum):
    NONE = math.nan
    ANY = (0, math.inf)
    SAME = [NONE]  # noqa: RUF012 - a member


class Outer(enum.Enum):
    NONE = Rate.NONE


@pytest.mark.parametrize(
    ("member", "path"), [(Rate.NONE, "rate"), (Rate.ANY, r"rate\[1\]"), (Rate.SAME, r"rate\[0\]"), (Outer.NONE, "rate")]
)
def test_a_member_of_an_enum_is_refused_for_what_its_value_holds(member, path):
    with pytest.raises(UnsendableOutput, match=f"^{path}: NaN"):
        output_data({"rate": member})


def test_a_member_of_an_enum_is_no_level_of_nesting():
    value = Rating.GOOD
    for _ in range(900):
        value = [value]
    assert output_data([None, value])[1] == len('{"result":[null,1]}') + 2 * 900


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (1, "1"),
        (0.5, "0.5"),
        (b"a", "YQ=="),
        (decimal.Decimal("1.50"), "1.50"),
        (pathlib.PurePosixPath("/a"), "/a"),
        (uuid.UUID(int=1), str(uuid.UUID(int=1))),
        (dt.datetime(2026, 1, 2, tzinfo=dt.UTC), "2026-01-02T00:00:00Z"),
        (dt.time(1, 2), "01:02:00"),
        (dt.timedelta(days=1), "P1D"),
        (Rating.GOOD, "1"),
    ],
)
def test_what_becomes_text_or_a_number_may_be_a_key(key, text):
    assert output_data({key: 0})[0] == {text: 0}


@pytest.mark.parametrize("key", [None, True, (1, 2), frozenset(), Rate.ANY])
def test_what_becomes_anything_else_may_not(key):
    with pytest.raises(UnsendableOutput, match=f"a key of type {type(key).__name__} has no JSON form"):
        output_data({key: 0})


def test_a_model_of_the_first_pydantic_arrives_as_its_fields():
    from pydantic import v1  # noqa: PLC0415 - it warns on newer Pythons

    account = v1.create_model("Account", url=(v1.AnyUrl, ...), secret=(v1.SecretStr, ...))(url="http://a/", secret="b")
    written = {"url": "http://a/", "secret": "**********"}
    assert output_data(account)[0] == written
    assert output_data({"accounts": [account]})[0] == {"accounts": [written]}
    with pytest.raises(UnsendableOutput, match=r"accounts\[0\].rate: NaN"):
        output_data({"accounts": [v1.create_model("Rated", rate=(float, math.nan))()]})


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (math.nan, "^input: NaN"),
        ({"a": [math.nan]}, r"^input.a\[0\]: NaN"),
        ([object()], r"^input\[0\]: object has no JSON form"),
        ("\ud800", "^input: text that is not valid Unicode"),
    ],
)
def test_an_argument_that_cannot_be_sent_is_named(value, problem):
    with pytest.raises(UnsendableOutput, match=problem):
        output_data(value, "input")
