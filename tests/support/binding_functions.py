"""Worker functions of many signatures. Each returns its arguments' reprs, which show their types.

tests/unit/test_binding_table.py reads this file's text too: it makes the same functions with ``async def``, and with
``from __future__ import annotations``.
"""

import dataclasses
import datetime as dt
import enum
import functools
import zoneinfo
from collections.abc import Mapping, MutableMapping, Sequence
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Optional,
    Protocol,
    TypedDict,
    TypeVar,
    Union,
    Unpack,
)
from uuid import UUID

import attrs
import msgspec
import pydantic

from conductor import Task, TaskContext
from support import other_module

T = TypeVar("T")
AnyTask = TypeVar("AnyTask", bound=Task)
Sku = NewType("Sku", str)
Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


class Mood(enum.StrEnum):
    GOOD = "good"


@dataclasses.dataclass
class Line:
    sku: str
    count: int = 1


@dataclasses.dataclass
class Order:
    lines: list[Line]
    note: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Times:
    at: dt.datetime
    days: list[dt.date] = dataclasses.field(default_factory=list)
    by_name: dict[str, dt.datetime] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Positive:
    number: int

    def __post_init__(self):
        if self.number < 0:
            raise ValueError("number must be positive")


@dataclasses.dataclass
class Tree:
    name: str
    children: list["Tree"] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Box(Generic[T]):
    content: T


@dataclasses.dataclass
class AllDefaults:
    limit: int = 10


@dataclasses.dataclass
class Bag:
    day: dt.date = dt.date(2026, 1, 1)
    sizes: dict[str, int] = dataclasses.field(default_factory=dict)
    things: set = dataclasses.field(default_factory=set)
    pairs: frozenset[tuple[int, Any]] = frozenset()


class Address(TypedDict):
    street: str
    number: NotRequired[int]


class Options(TypedDict, total=False):
    retries: int
    verbose: bool


class Point(NamedTuple):
    x: int
    y: int = 0


class Row(msgspec.Struct, array_like=True):
    number: int
    cells: list[int]


class Card(msgspec.Struct):
    number: str
    holder: str = "nobody"


class Bounds(msgspec.Struct, frozen=True):
    low: int = 0
    high: int = 9


class Renamed(msgspec.Struct, rename="camel"):
    order_id: str


class Dotted(msgspec.Struct, rename=lambda name: name.replace("_", ".")):
    prices_now: dict[str, int]
    prices: int = 0


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    a: int


class Cat(msgspec.Struct, tag="cat"):
    lives: int


class Dog(msgspec.Struct, tag="dog"):
    name: str


Pet = Cat | Dog


@attrs.define
class Parcel:
    weight: float
    label: str = "none"


@attrs.define
class Checked:
    number: int = attrs.field(validator=attrs.validators.gt(0))


@dataclasses.dataclass
class Asserted:
    number: int

    def __post_init__(self):
        if self.number < 0:
            raise ValueError


class AssertedModel(pydantic.BaseModel):
    number: int

    @pydantic.field_validator("number")
    @classmethod
    def check(cls, number):
        assert number > 0
        return number


class ModelOfDefaults(pydantic.BaseModel):
    max_count: int = pydantic.Field(default=10, alias="maxCount")


@dataclasses.dataclass
class Tile:
    side: float
    area: float = dataclasses.field(init=False)

    def __post_init__(self):
        self.area = self.side**2


@dataclasses.dataclass
class Price:
    amount: Decimal
    currency: dataclasses.InitVar[str] = "EUR"
    text: str = dataclasses.field(init=False, default="")

    def __post_init__(self, currency):
        self.text = f"{self.amount} {currency}"


@attrs.define
class Label:
    text: str = attrs.field(converter=str.strip)
    size: int = attrs.field(default=1, converter=int)
    _colour: str = "black"
    parts: list["Label"] = attrs.Factory(list)


@dataclasses.dataclass
class Shelf:
    labels: dict[str, Label]
    squares: list[Tile] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class HolderBelow(other_module.Holder):
    note: str = ""


@dataclasses.dataclass
class TileOf(Generic[T]):
    side: T
    sides: list[T] = dataclasses.field(default_factory=list)
    color: str = dataclasses.field(init=False, default="grey")


@dataclasses.dataclass
class TileOfLists(TileOf[list[T]], Generic[T]):
    name: T | None = None


@attrs.define
class LabelOf(Generic[T]):
    content: list[T] = attrs.field(converter=sorted)
    _inner: "T | None" = None


@attrs.define
class Span:
    first: int = attrs.field()
    last: int = attrs.field()
    length: int = attrs.field(default=attrs.Factory(lambda self: self.last - self.first, takes_self=True))
    note = attrs.field(default="")

    @last.default
    def _last(self):
        return self.first + 1


class User(pydantic.BaseModel):
    name: str
    age: int = pydantic.Field(default=0, ge=0)


class Team(pydantic.BaseModel):
    users: list[User]
    site: pydantic.HttpUrl | None = None


class Aliased(pydantic.BaseModel):
    order_id: str = pydantic.Field(alias="orderId")


class Chosen(pydantic.BaseModel):
    number: int = pydantic.Field(validation_alias=pydantic.AliasChoices("number", "orderNo"))
    first: str = pydantic.Field(default="", validation_alias=pydantic.AliasPath("names", 0))


class Tags(pydantic.BaseModel, extra="forbid"):
    names: list[Annotated[str, pydantic.Field(min_length=3)]] = pydantic.Field(max_length=2)


class Even(pydantic.BaseModel):
    number: int

    @pydantic.field_validator("number")
    @classmethod
    def check(cls, number):
        if number % 2:
            raise ValueError("number must be even")
        return number


class Circle(pydantic.BaseModel):
    kind: Literal["circle"]
    radius: float


class Square(pydantic.BaseModel):
    kind: Literal["square"]
    side: float


@pydantic.dataclasses.dataclass
class Reading:
    celsius: float


@dataclasses.dataclass
class Mixed:
    user: User
    parcel: Parcel
    card: Card
    path: Path


@dataclasses.dataclass
class Sensor:
    reading: Reading
    level: Annotated[int, pydantic.Field(gt=5)] = 6
    users: list[User] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(init=False)
class OwnArguments:
    number: int

    def __init__(self, **members):
        self.number = members["number"]


class Numbers(pydantic.RootModel[list[int]]):
    pass


class Counts(pydantic.RootModel[dict[str, int]]):
    pass


class OneUser(pydantic.RootModel[User]):
    pass


class Blob(pydantic.BaseModel, val_json_bytes="base64"):
    data: bytes


class Settings(pydantic.BaseModel):
    size: pydantic.ByteSize = 0
    object: pydantic.ImportString | None = None
    encoded: pydantic.Json | None = None
    zone: zoneinfo.ZoneInfo | None = None


class Number(pydantic.BaseModel):
    kind: Literal["number"]
    value: int


class Word(pydantic.BaseModel):
    kind: Literal["word"]
    value: str


class Fact(pydantic.BaseModel):
    fact: Number | Word
    tagged: dict[str, Annotated[Number | Word, pydantic.Field(discriminator="kind")]] = {}
    many: list[Number | list[Word]] = []
    pair: tuple[Number, Word] | None = None


class HasInput(Protocol):
    input_data: Any


class OwnTask(Task):
    pass


def shown(*values, **more):
    return ", ".join([*map(repr, values), *(f"{name}={value!r}" for name, value in more.items())])


def is_task(value):
    return f"the Task with {value.input_data}" if isinstance(value, Task) else shown(value)


def unpacking(function):
    """As decorators do that pass all on, and say what they wrap."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def silent(function):
    """As decorators do that do not say it."""

    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def of_task(function):
    """As decorators do that take a Task and give the function another argument."""

    @functools.wraps(function)
    def wrapper(task):
        return function(len(task.input_data))

    return wrapper


def with_task(function):
    @functools.wraps(function)
    def wrapper(task: Task, *args, **kwargs):
        return function(task, *args, **kwargs)

    return wrapper


def with_first(function):
    @functools.wraps(function)
    def wrapper(x, *args, **kwargs):
        return function(x, *args, **kwargs)

    return wrapper


# The Task and its context.


def takes_task(task: Task):
    return is_task(task)


def takes_t(t: Task):
    return is_task(t)


def takes_own_task(t: OwnTask):
    return is_task(t)


def takes_optional_task(t: Task | None = None):
    return is_task(t)


def takes_annotated_task(t: Annotated[Task, "the"]):
    return is_task(t)


def takes_any_task(t: AnyTask) -> AnyTask:
    return is_task(t)


def takes_task_or_dict(t: Task | dict):
    return is_task(t)


def takes_protocol(t: HasInput):
    return is_task(t)


def takes_keyword_task(*, t: Task):
    return is_task(t)


def takes_bare_task(task):
    return is_task(task)


def takes_underscore(_):
    return is_task(_)


def takes_bare_task_and_more(task, *args, **kwargs):
    return is_task(task) + shown(*args, **kwargs)


def takes_bare_task_and_default(task, sku="mine"):
    return is_task(task) + shown(sku)


def takes_bare_task_and_context(task, sku="mine", context: TaskContext = None):
    return is_task(task) + shown(sku, context.task_id)


def takes_any_task_and_default(task: Any, *, sku: str = "mine"):
    return is_task(task) + shown(sku)


def takes_task_and_member(task: Task, sku: str):
    return is_task(task) + shown(sku)


def takes_task_and_rest(task: Task, **more: int):
    return is_task(task) + shown(**more)


def takes_two_bare(task, sku):
    return shown(task, sku)


def takes_all(*args, **kwargs):
    return is_task(args[0]) + shown(*args[1:], **kwargs)


def takes_context(context: TaskContext):
    return context.task_id


def takes_optional_context(context: Optional[TaskContext] = None):  # noqa: UP045 - as users write it
    return context.task_id


def takes_context_and_order(context: TaskContext, order: Order):
    return shown(context.task_id, order)


def takes_order_context_task(order: Order, context: TaskContext, task: Task):
    return shown(order, context.task_id, task.task_id)


# Members by name.


def no_parameters():
    return "called"


def bare(x):
    return shown(x)


def two_bare(x, y):
    return shown(x, y)


def any_value(x: Any):
    return shown(x)


def object_value(x: object):
    return shown(x)


def bare_default(x=5):
    return shown(x)


def int_value(x: int):
    return shown(x)


def float_value(x: float):
    return shown(x)


def bool_value(x: bool):
    return shown(x)


def str_value(x: str):
    return shown(x)


def bytes_value(x: bytes):
    return shown(x)


def decimal_value(x: Decimal):
    return shown(x)


def none_value(x: None):
    return shown(x)


def uuid_value(x: UUID):
    return shown(x)


def path_value(x: PurePosixPath):
    return shown(x)


def datetime_value(x: dt.datetime):
    return x.isoformat()


def date_value(x: dt.date):
    return x.isoformat()


def time_value(x: dt.time):
    return x.isoformat()


def timedelta_value(x: dt.timedelta):
    return str(x)


def optional_datetime(x: dt.datetime | None):
    return str(x)


def optional_int(x: Optional[int]):  # noqa: UP045 - as users write it
    return shown(x)


def union_value(x: Union[int, str]):  # noqa: UP007 - as users write it
    return shown(x)


def int_or_float(x: int | float):  # noqa: PYI041 - what is tested
    return shown(x)


def literal_value(x: Literal["a", "b", 3]):
    return shown(x)


def enum_value(x: Color):
    return str(x)


def int_enum_value(x: Size):
    return shown(x)


def str_enum_value(x: Mood):
    return shown(x)


def constrained(x: Percent):
    return shown(x)


def short_text(x: Annotated[str, msgspec.Meta(max_length=3, pattern="^[a-z]*$")]):
    return shown(x)


def new_type(x: Sku):
    return shown(x)


def list_of_int(x: list[int]):
    return shown(x)


def bare_list(x: list):
    return shown(x)


def tuple_of_two(x: tuple[int, str]):
    return shown(x)


def int_and_number(x: tuple[int, int | float]):
    return shown(x)


def tuple_of_many(x: tuple[int, ...]):
    return shown(x)


def set_value(x: set[int]):
    return shown(x)


def frozenset_value(x: frozenset[str]):
    return shown(x)


def sequence_value(x: Sequence[int]):
    return shown(x)


def bare_set(x: set):
    return shown(x)


def bag(bag: Bag):
    return shown(bag)


def list_of_lines(x: list[Line]):
    return shown(x)


def list_of_optional(x: list[int | None]):
    return shown(x)


def int_default(x: int = 5):
    return shown(x)


def optional_default(x: int | None = 5):
    return shown(x)


def list_default(x: list[int] = []):  # noqa: B006 - what is tested
    return shown(x)


def sentinel_default(x: int = object):
    return shown(x)


def two(x: int, y: str):
    return shown(x, y)


def defaults_between(x: int = 1, y: int = 2, /, z: int = 3):
    return shown(x, y, z)


def keyword_only(*, x: int, y: int = 2):
    return shown(x, y)


def positional_only(x: int, /):
    return shown(x)


def rest(**more):
    return shown(**more)


def rest_of_int(x: int, **more: int):
    return shown(x, **more)


def rest_of_options(x: int, **more: Unpack[Options]):
    return shown(x, **more)


def args_are_empty(x: int, *args: int):
    return shown(x, *args)


def camel(order_id: str):
    return shown(order_id)


def quoted(x: "list[Line]"):
    return shown(x)


def two_structures(order: Order, address: Address):
    return shown(order, address)


def structure_and_scalar(order: Order, n: int = 0):
    return shown(order, n)


# A single structure.


def order(order: Order):
    return shown(order)


def order_default(order: Order = Order([])):  # noqa: B008 - what is tested
    return shown(order)


def optional_order(order: Order | None = None):
    return shown(order)


def optional_without_default(order: Order | None):
    return shown(order)


def annotated_order(order: Annotated[Order, "the"]):
    return shown(order)


def keyword_order(*, order: Order):
    return shown(order)


def line(line: Line):
    return shown(line)


def times(times: Times):
    return f"{times.at.isoformat()} {times.days} {[each.isoformat() for each in times.by_name.values()]}"


def positive(positive: Positive):
    return shown(positive)


def tree(tree: Tree):
    return shown(tree)


def box_of_int(box: Box[int]):
    return shown(box)


def all_defaults(options: AllDefaults):
    return shown(options)


def struct_of_defaults(bounds: Bounds):
    return shown(bounds)


def struct_with_a_default(bounds: Bounds = Bounds(5)):  # noqa: B008 - what is tested
    return shown(bounds)


def address(address: Address):
    return shown(address)


def point(point: Point):
    return shown(point)


def optional_point(point: Point | None):
    return shown(point)


def model_of_defaults(options: ModelOfDefaults):
    return shown(options)


def model_or_none(options: ModelOfDefaults | None):
    return shown(options)


def row(row: Row):
    return shown(row)


def asserted(asserted: Asserted):
    return shown(asserted)


def asserted_model(model: AssertedModel):
    return shown(model)


def list_of_points(points: list[Point]):
    return shown(points)


def card(card: Card):
    return shown(card)


def renamed(renamed: Renamed):
    return shown(renamed)


def dotted(dotted: Dotted):
    return shown(dotted)


def strict(strict: Strict):
    return shown(strict)


def pet(pet: Pet):
    return shown(pet)


def parcel(parcel: Parcel):
    return shown(parcel)


def checked(checked: Checked):
    return shown(checked)


def tile(tile: Tile):
    return shown(tile)


def price(price: Price):
    return price.text


def label(label: Label):
    return shown(label)


def shelf(shelf: Shelf):
    return shown(shelf)


def holder_below(holder: HolderBelow):
    return shown(holder.line, holder.note, str(holder.day))


def tile_of_int(tile: TileOf[int]):
    return shown(tile)


def tile_of_lists(tile: TileOfLists[int]):
    return shown(tile)


def two_tiles(first: TileOf[int], second: TileOf[str]):
    return shown(first, second)


def tiles(tiles: list[TileOf[Line] | None]):
    return shown(tiles)


def bare_tile(tile: TileOf):
    return shown(tile)


def label_of_str(label: LabelOf[str]):
    return shown(label)


def span(span: Span):
    return shown(span)


def labels(labels: list[Label | None]):
    return shown(labels)


def mapping(data: dict[str, Any]):
    return shown(data)


def bare_dict(data: dict):
    return shown(data)


def mapping_of_int(data: Mapping[str, int]):
    return shown(data)


def mutable_mapping(data: MutableMapping[str, object]):
    return shown(data)


def int_keys(data: dict[int, str]):
    return shown(data)


def by_day(days: dict[dt.date, int]):
    return shown(days)


def nested_mapping(data: dict[str, dict[str, list[int]]]):
    return shown(data)


# pydantic


def user(user: User):
    return shown(user)


def team(team: Team):
    return shown(team)


def optional_user(user: User | None = None):
    return shown(user)


def list_of_users(users: list[User]):
    return shown(users)


def users_by_name(users: dict[str, User]):
    return shown(users)


def aliased(aliased: Aliased):
    return shown(aliased)


def chosen(chosen: Chosen):
    return shown(chosen)


def tags(tags: Tags):
    return shown(tags)


def even(even: Even):
    return shown(even)


def shape(shape: Circle | Square):
    return shown(shape)


def tagged_shape(shape: Annotated[Circle | Square, pydantic.Field(discriminator="kind")]):
    return shown(shape)


def reading(reading: Reading):
    return shown(reading)


def sensor(sensor: Sensor):
    return shown(sensor)


def numbers(numbers: Numbers):
    return shown(numbers)


def counts(counts: Counts):
    return shown(counts)


def counts_or_none(counts: Counts | None):
    return shown(counts)


def one_user(user: OneUser):
    return shown(user)


def blob(blob: Blob):
    return shown(blob)


def settings(settings: Settings):
    return shown(settings)


def fact(it: Fact):
    return shown(it)


def own_arguments(given: OwnArguments):
    return shown(given)


def url(x: pydantic.HttpUrl):
    return str(x)


def secret(x: pydantic.SecretStr):
    return x.get_secret_value() + str(x)


def positive_int(x: pydantic.PositiveInt):
    return shown(x)


def bounded(x: Annotated[int, pydantic.Field(gt=5)]):
    return shown(x)


def mixed(mixed: Mixed):
    return f"{shown(mixed.user, mixed.parcel, mixed.card)}, {mixed.path}"


# Other callables.


class Methods:
    def bare(self, x):
        return shown(x)

    def typed(self, order: Order):
        return shown(order)

    def task(self, task: Task):
        return is_task(task)

    def with_self_default(self, x: int = 3):
        return shown(x)

    @classmethod
    def of_class(cls, x: int):
        return shown(x)

    @staticmethod
    def static(x: int):
        return shown(x)

    @unpacking
    def decorated(self, x: int):
        return shown(x)


class Calls:
    def __call__(self, x: int):
        return shown(x)


class CallsDecorated:
    @unpacking
    def __call__(self, x: int):
        return shown(x)


bound_bare = Methods().bare
bound_typed = Methods().typed
bound_task = Methods().task
bound_default = Methods().with_self_default
bound_class = Methods.of_class
bound_static = Methods.static
bound_decorated = Methods().decorated
calls = Calls()
calls_decorated = CallsDecorated()
partial_first = functools.partial(two, 7)
partial_keyword = functools.partial(two, y="fixed")
partial_all = functools.partial(two, 7, "fixed")
partial_rest = functools.partial(rest_of_int, x=7)
partial_task = functools.partial(takes_task_and_member, sku="fixed")
partial_of_method = functools.partial(Methods.bare, Methods())
decorated = unpacking(order)
twice_decorated = unpacking(unpacking(two))
decorated_of_task = unpacking(of_task(int_value))
wrapped_of_task = of_task(int_value)
wrapped_with_task = with_task(takes_t)
wrapped_with_first = with_first(int_default)
silently_decorated = silent(takes_bare_task)
partial_decorated = functools.partial(unpacking(two), 7)
