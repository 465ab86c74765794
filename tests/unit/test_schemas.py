"""JSON Schemas of worker functions: they hold for the inputs that a function takes and the outputs that it gives."""

import dataclasses
import datetime as dt
import decimal
import enum
import functools
import pathlib
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, Optional, TypedDict, Unpack

import attrs
import jsonschema_rs
import msgspec
import pydantic
import pytest

from conductor import ConfigurationError, Task, TaskContext, TaskResult, input_schema, output_schema
from conductor._output import output_data
from support import binding_functions, other_module
from support.binding_functions import HolderBelow, TileOfLists
from support.binding_rows import ROWS


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Line:
    sku: str
    amount: Annotated[int, msgspec.Meta(ge=1)] = 1


@dataclasses.dataclass
class Order:
    lines: list[Line]
    colour: Colour = Colour.RED
    at: dt.datetime | None = None


class Struct(msgspec.Struct, rename="camel"):
    first_name: str


class Typed(TypedDict):
    a: int
    b: NotRequired[str]


class Named(NamedTuple):
    a: int
    b: str = "x"


@attrs.define
class Attrs:
    a: int


class Part(pydantic.BaseModel):
    n: int


class Model(pydantic.BaseModel):
    by_alias: int = pydantic.Field(alias="byAlias")
    parts: list[Part] = []


class Aliased(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(serialize_by_alias=True)
    by_alias: int = pydantic.Field(alias="byAlias")
    model: Model | None = None


class Tree(pydantic.BaseModel):
    branches: list["Tree"] = []


@dataclasses.dataclass
class Chain:
    rest: Optional["Chain"] = None


@dataclasses.dataclass
class Price:
    amount: float
    currency: dataclasses.InitVar[str] = "EUR"
    text: str = dataclasses.field(init=False, default="")


@dataclasses.dataclass
class Fork:
    tines: list["Fork"] = dataclasses.field(default_factory=list)
    size: int = dataclasses.field(init=False, default=0)


@attrs.define
class Sealed:
    number: int = attrs.field(converter=int)
    _key: str = ""


class Counts(pydantic.RootModel[dict[str, int]]):
    pass


def takes_order(order: Order) -> None: ...
def takes_order_beside_the_context(context: TaskContext, *, order: "Order") -> None: ...
def takes_values(a: int, b: str = "x", *, c: list[Line] | None = None) -> None: ...
def takes_two(order: Order, model: Model) -> None: ...
def takes_struct(struct: Struct) -> None: ...
def takes_typed(typed: Typed) -> None: ...
def takes_named(named: Named) -> None: ...
def takes_attrs(value: Attrs) -> None: ...
def takes_model(model: Model) -> None: ...
def takes_tree(tree: Tree) -> None: ...
def takes_counts(counts: Counts) -> None: ...
def takes_chain(chain: Chain) -> None: ...
def takes_literal(kind: Literal["a", "b"], path: pathlib.Path, price: decimal.Decimal) -> None: ...
def takes_anything(a, b: Any = None, **more: int) -> None: ...
def takes_mapping(counts: dict[str, int]) -> None: ...
def takes_rest(a: int, **more: int) -> None: ...
def takes_options(**options: Unpack[Typed]) -> None: ...
def takes_url(url: pydantic.HttpUrl) -> None: ...
def takes_constrained(amount: Annotated[int, pydantic.Field(gt=0)]) -> None: ...
def takes_order_or_named(order: Order | Named) -> None: ...
def takes_own_init(price: "Price") -> None: ...
def takes_own_init_within(prices: list["Price"], chain: "Fork") -> None: ...
def takes_task(task: Task) -> None: ...
def takes_unannotated_task(task): ...
def takes_optional_order(order: Order | None = None) -> None: ...


@functools.wraps(takes_values)
def wrapped(*args, **kwargs): ...


class Callable:
    def __call__(self, a: "int") -> "Order": ...
    def method(self, a: int) -> None: ...
    async def coroutine(self, a: "int") -> "list[Line]": ...


LINE = {"sku": "s"}


@pytest.mark.parametrize(
    ("function", "valid", "invalid"),
    [
        (takes_order, [{"lines": [LINE]}, {"lines": [], "colour": "red", "at": None}], [{}, {"lines": [{}]}]),
        (takes_order, [{"lines": [], "more": 1}], [{"lines": [{"sku": "s", "amount": 0}]}, {"lines": [], "colour": 1}]),
        (takes_order_beside_the_context, [{"lines": []}], [{"order": {"lines": []}}]),
        (takes_values, [{"a": 1}, {"a": 1, "b": "y", "c": [LINE]}, {"a": 1, "c": None}], [{}, {"a": "1"}, {"b": "y"}]),
        (takes_two, [{"order": {"lines": []}, "model": {"byAlias": 1}}], [{"lines": []}, {"order": {}, "model": {}}]),
        (takes_two, [], [{"order": {"lines": []}, "model": {"byAlias": 1, "parts": [{}]}}]),
        (takes_struct, [{"firstName": "a"}], [{"first_name": "a"}]),
        (takes_typed, [{"a": 1}, {"a": 1, "b": "x"}], [{"b": "x"}]),
        (takes_named, [{"a": 1}, {"a": 1, "b": "y"}], [{"b": "y"}, {"a": "1"}]),
        (takes_attrs, [{"a": 1}], [{}]),
        (takes_model, [{"byAlias": 1, "parts": [{"n": 1}]}], [{"by_alias": 1}, {"byAlias": 1, "parts": [{}]}]),
        (takes_counts, [{}, {"a": 1}], [{"a": "x"}]),
        (takes_tree, [{}, {"branches": [{"branches": [{}]}]}], [{"branches": [{"branches": [1]}]}]),
        (takes_chain, [{}, {"rest": {"rest": None}}], [{"rest": {"rest": 1}}]),
        (takes_literal, [{"kind": "a", "path": "p", "price": "1.5"}], [{"kind": "c", "path": "p", "price": "1.5"}]),
        (takes_anything, [{"a": []}, {"a": 1, "b": {}, "c": 2}], [{"b": 1}]),
        (takes_mapping, [{"a": 1}, {}], [{"a": "1"}]),
        (takes_rest, [{"a": 1, "b": 2}], [{"a": 1, "b": "x"}]),
        (takes_options, [{"a": 1}, {"a": 1, "b": "x"}], [{}, {"a": 1, "b": 1}]),
        (takes_url, [{"url": "https://host/"}], [{"url": 1}]),
        (takes_constrained, [{"amount": 1}], [{"amount": 0}]),
        (takes_own_init, [{"amount": 1.5}, {"amount": 1.5, "currency": "EUR"}], [{}, {"amount": 1.5, "currency": 1}]),
        (
            takes_own_init_within,
            [{"prices": [{"amount": 1}], "chain": {"tines": [{}]}}],
            [{"prices": [{}], "chain": {}}],
        ),
        (takes_own_init_within, [], [{"prices": [], "chain": {"tines": [{"tines": [1]}]}}]),
        (takes_task, [{}, {"a": 1}], [[]]),
        (takes_unannotated_task, [{}, {"task": 1}], [[]]),
        (takes_optional_order, [{}, {"lines": []}], [{"lines": 1}, {"colour": "red"}]),
        (takes_order_or_named, [{"lines": []}, {"a": 1}], [{}, {"lines": 1}]),
        (wrapped, [{"a": 1}], [{}]),
        (functools.partial(wrapped, 1), [{}, {"b": "y"}], [{"b": 1}]),
        (functools.partial(takes_values, a=1), [{}, {"b": "y"}], [{"b": 1}]),
        (Callable(), [{"a": 1}], [{}, {"self": 1}]),
        (Callable().method, [{"a": 1}], [{"a": "1"}]),
        (Callable().coroutine, [{"a": 1}], [{}]),
    ],
)
def test_the_schema_of_an_input_tells_the_inputs_that_fit(function, valid, invalid):
    schema = input_schema(function)
    validator = jsonschema_rs.Draft202012Validator(schema)
    assert [each for each in valid if not validator.is_valid(each)] == []
    assert [each for each in invalid if validator.is_valid(each)] == []
    assert schema["$schema"].endswith("/2020-12/schema")


@pytest.mark.parametrize(
    ("hint", "given", "invalid"),
    [
        (Order, [Order([Line("s")], at=dt.datetime(2026, 1, 2, tzinfo=dt.UTC))], [{}, {"result": 1}]),
        (Struct, [Struct("a")], [{"first_name": "a"}]),
        (Typed, [{"a": 1}], [{}]),
        (Named, [Named(1)], [[1, "x"], {}]),
        (Attrs, [Attrs(1)], [{}]),
        (Model, [Model(byAlias=1, parts=[Part(n=1)])], [{"byAlias": 1}]),
        (Aliased, [Aliased(byAlias=1, model=Model(byAlias=1))], [{"by_alias": 1}]),
        (list[Aliased], [[Aliased(byAlias=1)]], [{"result": [{"by_alias": 1}]}]),
        (Counts, [Counts({"a": 1})], [{"a": "x"}, {"result": {"a": 1}, "b": "x"}]),
        (Price, [Price(1.5), Price(1.5, "USD")], [{"amount": "x"}, {"text": ""}]),
        (list[Price], [[Price(1.5)], []], [{"result": [{}]}]),
        (Fork, [Fork([Fork()])], [{"tines": [1]}, {}]),
        (Sealed, [Sealed("1")], [{"number": "1"}, {}]),
        (TileOfLists[int], [TileOfLists([1], name=2)], [{"side": 1, "sides": [], "name": 2}]),
        (HolderBelow, [HolderBelow(dt.date(2026, 1, 2), other_module.Line("a"))], [{"line": {}}]),
        (dict[str, int], [{"a": 1}], [{"a": "x"}]),
        (Mapping[str, Model], [{"a": Model(byAlias=1)}], [{"a": {}}]),
        (int, [1], [{}, {"result": "1"}]),
        (list[Line], [[Line("s")]], [{"result": [{}]}]),
        (tuple[int, str], [(1, "a")], [{"result": ["a", 1]}]),
        (Annotated[int, msgspec.Meta(ge=1)], [2], [{"result": "a"}]),
        (Order | None, [Order([]), None], [{"a": 1}]),
        (int | str | None, [1, "a", None], [{"result": []}]),
        (Literal["a"] | list[int] | Typed, ["a", [1], {"a": 1}], [{"result": "b"}, {"b": 1}]),
        (Optional["Chain"], [Chain(Chain())], [{"rest": 1}]),
        (None, [None], [{"a": 1}]),
        (Any, [1, {"a": 1}, None], [[]]),
        (TaskResult, [{"a": 1}], [[]]),
        (TaskResult | int, [{"a": 1}, 1], [[]]),
    ],
    ids=str,
)
def test_the_schema_of_an_output_tells_the_outputs_that_fit(hint, given, invalid):
    def execute(task): ...

    execute.__annotations__["return"] = hint
    validator = jsonschema_rs.Draft202012Validator(output_schema(execute))
    assert [each for each in given if not validator.is_valid(output_data(each)[0])] == []
    assert [each for each in invalid if validator.is_valid(each)] == []


def test_defaults_are_part_of_the_schema_if_json_has_a_form_for_them():
    def execute(a: int = 1, b: Line = Line("s"), c: Any = object()) -> None: ...  # noqa: B008

    properties = input_schema(execute)["properties"]
    assert properties["a"] == {"type": "integer", "default": 1}
    assert properties["b"]["default"] == {"sku": "s", "amount": 1}
    assert properties["c"] == {}


def bad_number(good: int, number: complex) -> None: ...
def bad_within(order: Order, thing: "list[HoldsThing]") -> None: ...
def bad_whole(thing: "HoldsThing") -> None: ...
def bad_name(a: "Unknown") -> None: ...  # noqa: F821
def same_names(a: Part, b: "list[Other.Part]") -> None: ...
def same_inner_names(a: "Other.Part", b: "Another.Part") -> None: ...


class Other:
    class Part(pydantic.BaseModel):
        class Inner(pydantic.BaseModel):
            a: int

        inner: Inner


class Another:
    class Part(pydantic.BaseModel):
        class Inner(pydantic.BaseModel):
            b: int

        inner: Inner


class HoldsThing(pydantic.BaseModel, arbitrary_types_allowed=True):
    thing: Callable


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (bad_number, "bad_number cannot be a worker function: it has a parameter 'number' that no input can fill"),
        (bad_within, "parameter 'thing' has no JSON Schema: Cannot generate a JsonSchema for core_schema.IsInstance"),
        (bad_whole, "parameter 'thing' has no JSON Schema: Cannot generate a JsonSchema for core_schema.IsInstance"),
        (same_inner_names, "parameter 'b' has no JSON Schema: two different types are named Part.Inner"),
        (bad_name, "bad_name cannot be a worker function: it has a parameter 'a' with the annotation Unknown"),
        (iter(()), "function must be callable, not <tuple_iterator"),
    ],
)
def test_a_type_without_a_schema_is_an_error_that_names_the_parameter(function, problem):
    with pytest.raises(ConfigurationError) as caught:
        input_schema(function)
    assert problem in str(caught.value)


def test_a_return_type_without_a_schema_is_an_error():
    @dataclasses.dataclass
    class Incomplete:
        x: "Unknown"  # noqa: F821

    def execute(task): ...

    for hint in (int | complex, Incomplete):
        execute.__annotations__["return"] = hint
        with pytest.raises(ConfigurationError, match="the return type has no JSON Schema"):
            output_schema(execute)


def test_a_return_type_that_cannot_be_read_is_an_error():
    def execute(task) -> "Unknown": ...  # noqa: F821

    with pytest.raises(ConfigurationError, match="execute has the return annotation Unknown, which cannot be read"):
        output_schema(execute)


@pytest.mark.parametrize("name", sorted({name for name, *_ in ROWS}))
def test_each_function_that_can_be_bound_has_schemas(name):
    function = getattr(binding_functions, name)
    for schema in (input_schema(function), output_schema(function)):
        assert jsonschema_rs.Draft202012Validator(schema).is_valid([]) is False


def test_models_of_the_same_name_keep_their_own_parts():
    schema = input_schema(same_names)
    validator = jsonschema_rs.Draft202012Validator(schema)
    assert validator.is_valid({"a": {"n": 1}, "b": [{"inner": {"a": 1}}]})
    assert not validator.is_valid({"a": {"n": 1}, "b": [{"inner": {}}]})
