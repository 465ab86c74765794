"""Conversion of a JSON value to a typed one, and the errors of values that do not fit."""

import dataclasses
import datetime as dt
import subprocess
import sys
import types
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

import msgspec
import pydantic
import pytest
from hypothesis import given, settings, strategies as st

from conductor import ConfigurationError, InvalidInputError, NonRetryableError
from conductor.binding.convert import DoesNotFitError, converter
from conductor.testing import run_worker
from support.binding_functions import (
    Aliased,
    Card,
    Checked,
    Color,
    Dotted,
    Even,
    Label,
    Order,
    Parcel,
    Pet,
    Point,
    Price,
    Shelf,
    Team,
    Times,
    Tree,
)

SECRET = "hunter2"
TYPES = [
    *(int, float, bool, bytes, Decimal, UUID, dt.datetime, dt.date, dt.time, dt.timedelta, None, Color),
    *(Literal["a", "b"], Order, Times, Tree, Point, Card, Parcel, Checked, Pet, Even, Team, Aliased),
    *(Dotted, Label, Shelf, Price, dict[dt.date, list[Point]], dict[str, dict[str, Order]]),
    *(list[int], dict[str, int], tuple[int, str], set[int], int | None, list[Team], pydantic.HttpUrl),
    Annotated[str, msgspec.Meta(max_length=3)],
    Annotated[int, pydantic.Field(gt=5)],
]
NAMES = [
    "labels",
    "text",
    "size",
    "squares",
    "amount",
    "2026-01-02",
    "20260103",
    "prices.now",
    "lines",
    "sku",
    "number",
    "type",
    "users",
    "name",
    "age",
    "orderId",
    "at",
    "x",
    "weight",
    "site",
]
SECRETS = st.sampled_from([SECRET, f"x{SECRET}", f"http://{SECRET}:port"])
VALUES = st.recursive(
    SECRETS | st.none() | st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=6,
)


@settings(max_examples=500)
@given(st.sampled_from(TYPES), VALUES)
def test_an_error_shows_the_place_and_never_the_value(kind, value):
    problem = problem_of(kind, value)
    if problem is not None:
        assert SECRET not in str(problem)
        assert problem.path.startswith("$")
        assert problem.expected


def problem_of(kind, value):
    try:
        converter(kind)(value)
    except DoesNotFitError as problem:
        return problem
    return None


def test_an_error_tells_its_parts():
    with pytest.raises(DoesNotFitError) as caught:
        converter(Order)({"lines": [{"sku": 5}]})
    assert (caught.value.path, caught.value.expected, caught.value.got) == ("$.lines[0].sku", "str", "int")
    assert isinstance(caught.value, ValueError)


def test_the_place_in_a_large_mapping_is_found_quickly():
    """It would take minutes to try 100,000 keys one by one."""
    given = {f"key{number}": number for number in range(100_000)} | {"last": "text"}
    with pytest.raises(DoesNotFitError, match=r"^\$\.last: expected int, got str$"):
        converter(dict[str, int])(given)


def test_many_times_that_only_dateutil_reads_are_read_in_one_go():
    texts = ["2026-01-02T03:04:05+01:00[Europe/Paris]"] * 2_000
    assert len(set(converter(list[dt.datetime])(texts))) == 1


def test_the_first_of_two_wrong_values_is_named():
    with pytest.raises(DoesNotFitError, match=r"\$\.lines\[1\]\.count"):
        converter(Order)({"lines": [{"sku": "a"}, {"sku": "b", "count": "c"}, {"sku": 5}]})


def test_a_class_may_say_what_is_wrong_in_its_own_words():
    @dataclasses.dataclass
    class Range:
        low: int
        high: int

        def __post_init__(self):
            if self.low > self.high:
                raise ValueError("low is above high")

    with pytest.raises(DoesNotFitError, match=r"^\$\.a\[0\]: low is above high$"):
        converter(dict[str, list[Range]])({"a": [{"low": 2, "high": 1}]})


def test_another_error_of_a_class_is_the_functions_own():
    """It says nothing about the input, so a retry may help."""

    @dataclasses.dataclass
    class Broken:
        number: int

        def __post_init__(self):
            raise LookupError("no such table")

    def work(broken: Broken):
        pass

    result = run_worker(work, {"number": 1})
    assert (result.status, result.reason_for_incompletion) == ("FAILED", "LookupError: no such table")


@pytest.mark.parametrize("text", ["2026-1-2", "2026-02-30", "2026-01-02T25:00", "20260102T030405+99:00", "0", "T03:04"])
def test_a_text_that_is_no_time_in_iso_8601_is_refused(text):
    with pytest.raises(DoesNotFitError):
        converter(dt.datetime)(text)


def test_the_type_of_a_misfit_that_json_cannot_have_is_named_too():
    with pytest.raises(DoesNotFitError, match=r"^\$: expected int, got set$"):
        converter(int)({1})


def test_a_type_with_a_name_that_is_not_found_is_refused():
    with pytest.raises(ConfigurationError, match="JSON cannot be read as .*'Nobody' is not defined"):
        converter(list["Nobody"])  # noqa: F821 - what is tested


def test_a_model_of_pydantic_with_a_name_that_is_not_found_is_refused():
    class Model(pydantic.BaseModel):
        owner: "Nobody"  # noqa: F821 - what is tested

    for kind in (Model, list[Model], Model | None):
        with pytest.raises(ConfigurationError, match="Model.* is not fully defined"):
            converter(kind)


def test_an_invalid_input_is_an_error_that_no_retry_helps():
    assert issubclass(InvalidInputError, NonRetryableError)


def test_the_log_of_an_invalid_input_is_short():
    def work(order: Order):
        pass

    (entry,) = run_worker(work, {}).logs
    assert entry.log.strip() == "conductor.errors.InvalidInputError: $.lines: expected array, got nothing"


def test_pydantic_and_attrs_are_not_imported_for_a_worker_without_them():
    program = (
        "import sys\nfrom conductor.testing import run_worker\n"
        "def work(count: int, at: list[str]): return count\n"
        "print(run_worker(work, {'count': 5, 'at': []}).output_data)\n"
        "print([name for name in ('pydantic', 'attrs', 'attr', 'dateutil') if name in sys.modules])\n"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert answer.stdout.splitlines() == ["{'result': 5}", "[]"]


CONSTRAINED = """
import dataclasses
from typing import Annotated
import annotated_types
from conductor import ConfigurationError
from conductor.testing import run_worker

Positive = Annotated[int, annotated_types.Gt(0)]

@dataclasses.dataclass
class Order:
    count: Positive

def member(count: Positive, note: str = ""): return count
def whole(order: Order): return order.count
def items(counts: list[Positive]): return counts

for function, given in (member, {"count": 0}), (whole, {"count": 0}), (items, {"counts": [0]}):
    try:
        print(run_worker(function, given).reason_for_incompletion)
    except ConfigurationError as error:
        print(error)
"""


@pytest.mark.parametrize("imports", ["", "import pydantic", "import sys; sys.modules['pydantic'] = None"])
def test_a_constraint_of_annotated_types_does_not_depend_on_the_imports_of_other_modules(imports):
    program = f"{imports}\n{CONSTRAINED}"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    lines = answer.stdout.splitlines()
    if "None" in imports:
        ends = "annotated_types needs pydantic, which is not installed. Without it use msgspec.Meta"
        assert [line.endswith(ends) for line in lines] == [True] * 3
    else:
        expected = "expected a value greater than 0, got int"
        assert lines == [f"InvalidInputError: $.{place}: {expected}" for place in ("count", "count", "counts[0]")]


NEW_SYNTAX = """
import dataclasses
from conductor import Task

@dataclasses.dataclass
class Line:
    sku: str

@dataclasses.dataclass
class Box[T]:
    content: T

type Lines = list[Line]
type TheTask = Task
type MaybeLine = Line | None
type Pair[T] = tuple[T, T]

def alias(lines: Lines): return repr(lines)
def alias_of_task(t: TheTask): return type(t).__name__
def alias_of_structure(line: MaybeLine): return repr(line)
def variable[T: Line](line: T): return repr(line)
def generic(box: Box[int]): return repr(box)
def generic_alias(x: Pair[int]): return repr(x)
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax is that of Python 3.12")
@pytest.mark.parametrize(
    ("function", "given", "expected"),
    [
        ("alias", {"lines": [{"sku": "a"}]}, "[Line(sku='a')]"),
        ("alias", {"lines": [{}]}, "InvalidInputError: $.lines[0].sku: expected str, got nothing"),
        ("alias_of_task", {}, "Task"),
        ("alias_of_structure", {"sku": "a"}, "Line(sku='a')"),
        ("variable", {"sku": "a"}, "Line(sku='a')"),
        ("generic", {"content": 1}, "Box(content=1)"),
        ("generic_alias", {"x": [1, "a"]}, "InvalidInputError: $.x[1]: expected int, got str"),
    ],
)
@pytest.mark.parametrize("first_line", ["", "from __future__ import annotations"])
def test_types_in_the_syntax_of_python_3_12_are_read(function, given, expected, first_line, monkeypatch):
    module = types.ModuleType("new_syntax")
    monkeypatch.setitem(sys.modules, "new_syntax", module)
    exec(compile(first_line + NEW_SYNTAX, "new_syntax", "exec", dont_inherit=True), vars(module))  # noqa: S102
    result = run_worker(getattr(module, function), given)
    assert (result.reason_for_incompletion or result.output_data["result"]) == expected
