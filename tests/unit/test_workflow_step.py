"""A worker makes its own step of a workflow. A wrong input is an error where the step is made."""

import dataclasses
import datetime as dt
from decimal import Decimal
from typing import Annotated, Any, Literal, TypedDict, Unpack

import attrs
import msgspec
import pydantic
import pytest

from conductor import (
    ConfigurationError,
    Task,
    TaskContext,
    TaskResultStatus,
    Worker,
    WorkflowDef,
    WorkflowTask,
    worker_task,
)
from conductor._output import output_data
from conductor.binding.inputs import problem_with
from support import binding_functions
from support.binding_rows import ROWS


@dataclasses.dataclass
class Order:
    number: int
    note: str = ""


class Struct(msgspec.Struct, rename="camel"):
    order_number: int
    note: str = ""


class Typed(TypedDict, total=False):
    number: int


class Model(pydantic.BaseModel):
    number: int
    note: str = ""


class Open(pydantic.BaseModel, extra="allow"):
    number: int


class Aliased(pydantic.BaseModel):
    number: int = pydantic.Field(validation_alias="orderNumber")


@attrs.define
class Attrs:
    number: int


@attrs.define
class Renamed:
    _number: int
    size: int = attrs.field(default=1, alias="width")
    area: int = attrs.field(init=False, default=0)


@dataclasses.dataclass
class Nested:
    """A field has the name that a parameter may have too."""

    order: str


def charge(order_id: str, amount: Decimal = Decimal(0), *, currency: Literal["EUR", "USD"] = "EUR"):
    pass


def with_context(context: TaskContext, order_id: str):
    pass


def with_task(task: Task):
    pass


def with_both(order_id: int, task: Task):
    pass


def with_others(order_id: str, **others: str):
    pass


def with_typed_others(order_id: str, **others: Unpack[Typed]):
    pass


def with_order(order: Order):
    pass


def with_optional(order: Order | None = None):
    pass


def with_annotated(order: Annotated[Order, msgspec.Meta(title="order")]):
    pass


def with_nested(order: Nested):
    pass


def with_struct(order: Struct):
    pass


def with_model(order: Model):
    pass


def with_open(order: Open):
    pass


def with_aliased(order: Aliased):
    pass


def with_attrs(order: Attrs):
    pass


def with_renamed(order: Renamed):
    pass


def with_mapping(order: dict[str, int]):
    pass


def with_two(first: Order, day: dt.date):
    pass


def with_trace(_trace: dict[str, str]):
    pass


def bare(task):
    pass


class Service:
    @worker_task("charge")
    def charge(self, order_id: str, context: TaskContext):
        pass


def step(function, ref="step", /, **inputs):
    return worker_task("charge")(function).step(ref, **inputs)


def test_it_is_a_step_of_a_workflow_with_the_inputs():
    made = step(charge, order_id="${workflow.input.id}", amount="${validate.output.total}")
    inputs = {"order_id": "${workflow.input.id}", "amount": "${validate.output.total}"}
    assert made == WorkflowTask("charge", "step", type="SIMPLE", input_parameters=inputs)
    assert WorkflowDef("order", [made]).tasks == [made]


def test_a_decorated_function_and_a_method_make_it():
    assert worker_task("charge")(charge).step("step", order_id="7") == step(charge, order_id="7")
    assert Service().charge.step("step", order_id="7") == step(charge, order_id="7")
    assert Service.charge.step("step", order_id="7") == step(charge, order_id="7")
    with pytest.raises(ConfigurationError, match="it takes no input 'context'"):
        Service().charge.step("step", order_id="7", context=1)


def test_a_worker_object_makes_it():
    worker = Worker("charge", charge)
    assert worker.step("step", order_id="7") == step(charge, order_id="7")
    with pytest.raises(ConfigurationError, match=r"step\('step'\) of 'charge': it needs the input 'order_id'"):
        worker.step("step")


def test_values_are_written_as_an_output_is():
    assert step(charge, order_id="7", amount=Decimal("1.50")).input_parameters == {"order_id": "7", "amount": "1.50"}
    assert step(with_order, order=Order(7)).input_parameters == {"order": {"number": 7, "note": ""}}


def test_the_other_members_of_a_step_can_be_set():
    made = step(charge, order_id="7")
    made.optional = True
    assert msgspec.json.decode(msgspec.json.encode(made))["optional"] is True


@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (charge, {"order_id": "7"}),
        (charge, {"order_id": "7", "currency": "USD"}),
        (charge, {"order_id": "7", "amount": None}),
        (charge, {"order_id": "${workflow.input.id}", "amount": "${x} EUR"}),
        (with_context, {"order_id": "7"}),
        (with_task, {"anything": 1}),
        (with_task, {}),
        (bare, {"anything": 1}),
        (print, {"anything": 1}),
        (with_both, {"order_id": 7, "more": "x"}),
        (with_others, {"order_id": "7", "more": "x"}),
        (with_typed_others, {"order_id": "7"}),
        (with_typed_others, {"order_id": "7", "number": 1}),
        (with_order, {"number": 7}),
        (with_order, {"number": "${workflow.input.number}"}),
        (with_order, {"order": "${start.output.order}"}),
        (with_order, {"order": {"number": "${start.output.number}"}}),
        (with_optional, {}),
        (with_optional, {"number": 7}),
        (with_nested, {"order": "7"}),
        (with_nested, {"order": {"order": "7"}}),
        (with_struct, {"orderNumber": 7}),
        (with_model, {"number": 7}),
        (with_model, {"order": {"number": 7}}),
        (with_open, {"number": 7, "more": 1}),
        (with_aliased, {"orderNumber": 7}),
        (with_attrs, {"number": 7}),
        (binding_functions.label, {"text": "${x}", "colour": "red"}),
        (binding_functions.tile, {"side": "${x}"}),
        (with_renamed, {"number": 7, "width": 2}),
        (with_mapping, {"a": 1, "b": "${x.output.b}"}),
        (with_mapping, {"order": {"a": 1}}),
        (with_two, {"first": {"number": 7}, "day": "2026-11-28"}),
        (charge, {"order_id": "7", "_trace": "${workflow.input._trace}"}),
        (with_order, {"number": 7, "_trace": "${workflow.input._trace}"}),
        (with_others, {"order_id": "7", "_trace": {"traceparent": "00-1-2-01"}}),
        (with_trace, {"_trace": {"traceparent": "00-1-2-01"}}),
    ],
)
def test_inputs_that_the_function_takes(function, inputs):
    assert step(function, **inputs).input_parameters == inputs


@pytest.mark.parametrize(
    ("function", "inputs", "problem"),
    [
        (charge, {"orderid": "7"}, "it takes no input 'orderid'; the nearest is 'order_id'"),
        (charge, {"order_id": "7", "zzz": "7"}, "it takes no input 'zzz'$"),
        (charge, {"amount": "7"}, "it needs the input 'order_id'"),
        (charge, {"order_id": 7}, r"\$.order_id: expected str, got int"),
        (charge, {"order_id": None}, r"\$.order_id: expected str, got null"),
        (charge, {"order_id": "7", "amount": "much"}, r"\$.amount: expected a decimal number, got str"),
        (charge, {"order_id": "7", "currency": "CHF"}, r"\$.currency: expected one of 'EUR', 'USD', got str"),
        (with_context, {"order_id": "7", "context": "x"}, "it takes no input 'context'"),
        (with_both, {"more": "x"}, "it needs the input 'order_id'"),
        (with_both, {"order_id": "x"}, r"\$.order_id: expected int, got str"),
        (with_others, {"more": "x"}, "it needs the input 'order_id'"),
        (with_others, {"order_id": "${x}", "more": "${y}", "third": 5}, r"\$.third: expected str, got int"),
        (with_typed_others, {"order_id": "${x}", "number": "x"}, r"\$.number: expected int, got str"),
        (with_typed_others, {"order_id": "7", "nummer": 1}, "it takes no input 'nummer'; the nearest is 'number'"),
        (with_order, {"nummer": 7}, "it takes no input 'nummer'; the nearest is 'number'"),
        (with_order, {"note": "x"}, "it needs the input 'number'"),
        (with_order, {}, "it needs the input 'number'"),
        (with_order, {"number": "x"}, r"\$.number: expected int, got str"),
        (with_order, {"order": {"note": "x"}}, r"\$.order.number: expected int, got nothing"),
        (with_order, {"order": "${a.output.order}", "note": "x"}, "it takes no input 'note'"),
        (with_optional, {"nummer": 7}, "it takes no input 'nummer'"),
        (with_annotated, {"nummer": 7}, "it takes no input 'nummer'"),
        (with_struct, {"order_number": 7}, "it takes no input 'order_number'; the nearest is 'orderNumber'"),
        (with_model, {"nummer": 7}, "it takes no input 'nummer'; the nearest is 'number'"),
        (with_model, {"note": "x"}, "it needs the input 'number'"),
        (with_aliased, {"number": 7}, r"\$.orderNumber: "),
        (with_attrs, {"count": 7}, "it takes no input 'count'"),
        (
            binding_functions.label,
            {"text": "a", "_colour": "red"},
            "it takes no input '_colour'; the nearest is 'colour'",
        ),
        (binding_functions.tile, {"area": 2}, "it takes no input 'area'"),
        (with_renamed, {"_number": 7}, "it takes no input '_number'; the nearest is 'number'"),
        (with_renamed, {"number": 7, "area": 2}, "it takes no input 'area'"),
        (with_renamed, {"width": 7}, "it needs the input 'number'"),
        (with_mapping, {"a": "x"}, r"\$.a: expected int, got str"),
        (with_two, {"first": {"number": 7}, "day": "soon"}, r"\$.day: expected a date in ISO 8601, got str"),
        (charge, {"_trace": "${x}", "orderid": "7"}, "it takes no input 'orderid'; the nearest is 'order_id'"),
        (with_order, {"_trace": "${x}", "number": "x"}, r"\$.number: expected int, got str"),
    ],
)
def test_inputs_that_the_function_does_not_take(function, inputs, problem):
    with pytest.raises(ConfigurationError, match=rf"step\('step'\) of 'charge': {problem}"):
        step(function, **inputs)


def test_a_step_needs_a_name():
    with pytest.raises(ConfigurationError, match="task_ref_name must be a name"):
        step(charge, "", order_id="7")


def test_a_value_that_json_cannot_hold_is_an_error_that_gives_its_place():
    with pytest.raises(ConfigurationError, match=r"step\('step'\).amount"):
        step(charge, order_id="7", amount=float("nan"))


def test_a_name_that_is_no_python_name_is_given_in_a_mapping():
    def work(**inputs: Any):
        pass

    assert step(work, **{"order-id": "7"}).input_parameters == {"order-id": "7"}


@pytest.mark.parametrize(("function", "given", "expected"), ROWS)
def test_a_step_and_a_task_take_the_same_values(function, given, expected):
    """Only a name that no parameter has is an error of the step alone."""
    problem = problem_with(getattr(binding_functions, function), output_data(given)[0])
    if not problem.startswith("it takes no input"):
        assert (problem == "") is (expected[0] == TaskResultStatus.COMPLETED)
