"""The functions that a worker can be started with: their parameters can be filled from a task."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import enum
import functools
import socket
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    NamedTuple,
    Optional,
    Protocol,
    TypeVar,
    Union,
    runtime_checkable,
)
from unittest.mock import AsyncMock, MagicMock, Mock, create_autospec

import msgspec
import pydantic
import pytest

from conductor import ConfigurationError, Task, TaskRunner
from conductor.testing import FakeTaskClient, run_worker
from conductor.worker import Worker

if TYPE_CHECKING:
    from nowhere import Elsewhere, Task as TaskOfTheTypeChecker

AnyTask = TypeVar("AnyTask", bound=Task)
Anything = TypeVar("Anything")
AnyText = TypeVar("AnyText", bound=str)
Alias = Task


class OwnTask(Task):
    pass


class HasId(Protocol):
    task_id: str


@runtime_checkable
class HasInput(Protocol):
    input_data: Mapping[str, Any]


def annotated(annotation):
    """A function whose parameter is annotated so, as a text or as what it stands for."""

    def work(task):
        pass

    work.__annotations__ = {"task": annotation}
    return work


def unpacks_input(function):
    """As decorators that bind a task's input to parameters do."""

    @functools.wraps(function)
    def wrapper(task):
        return function(**task.input_data)

    return wrapper


def passes_all_on(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


class Greeter:
    def greet(self, task):
        pass

    def greet_by_name(self, name: str):
        pass

    @classmethod
    def of_class(cls, task: Task):
        pass

    @staticmethod
    def static(task: Task):
        pass

    def __call__(self, task: Task):
        pass


class Nameless:
    def __call__(self):
        pass


class OddSignature:
    """As proxies have it that answer to any name."""

    def __init__(self, signature):
        self._signature = signature

    @property
    def __signature__(self):
        if isinstance(self._signature, Exception):
            raise self._signature
        return self._signature

    def __call__(self, task: Task):
        pass


class CannotBeCompared:
    def __eq__(self, other):
        raise LookupError

    __hash__ = None


class AsyncGreeter:
    async def __call__(self, task: Task) -> Elsewhere:
        pass


class Generates:
    def __call__(self, task):
        yield


def work(task: Task) -> Elsewhere:
    pass


def type_checkers_task(task: TaskOfTheTypeChecker) -> None:
    pass


def with_defaults(task: Task, greeting: str = "Hello", *, loud: bool = False) -> None:
    pass


def only_default(task=None):
    pass


def any_name(t):
    pass


def positional_only(task, /):
    pass


def all_in_one(*args: str, **kwargs: int) -> None:
    pass


async def coroutine(task: Task) -> None:
    pass


def two(greeting, task):
    pass


@pytest.mark.parametrize(
    "function",
    [
        *(work, with_defaults, only_default, any_name, positional_only, all_in_one, coroutine),
        *(lambda task: 1, lambda *args: 1, print, Greeter(), AsyncGreeter()),
        *(Greeter().greet, Greeter.of_class, Greeter.static, {}.get, [].append),
        *(functools.partial(two, "Hello"), functools.partial(work), functools.partial(Greeter.greet, Greeter())),
        *(
            Mock(),
            MagicMock(return_value={}),
            AsyncMock(),
            create_autospec(work),
            Mock(spec=work),
            MagicMock(spec=work),
        ),
        *(OddSignature("a text"), OddSignature(LookupError()), lambda: 1, Nameless()),
        *(functools.cache(any_name), functools.singledispatch(any_name), asyncio.coroutines.iscoroutine),
        *(unpacks_input(Greeter().greet_by_name), unpacks_input(lambda name, age: 1), passes_all_on(two)),
        *map(annotated, (Task, Alias, OwnTask, object, Any, msgspec.Struct, HasId, HasInput, None, "None")),
        *map(annotated, (Optional[Task], Union[Task, None], Task | dict, Annotated[Task, "the"], Union[str, Any])),  # noqa: UP007, UP045 - as users write it
        *map(annotated, (AnyTask, Anything, "Task", "Task | None", "Optional[Task]", "models.Task")),
        annotated(Optional["Task"]),
    ],
)
def test_a_function_whose_parameters_a_task_can_fill_is_accepted(function):
    assert Worker("t", function).execute is function


def generator(task: Task):
    yield {}


async def async_generator(task: Task):
    yield {}


def greet(name: Elsewhere) -> None:
    """Its annotation can only be found by a type checker."""


def connect(to: socket.socket) -> None:
    pass


def send(greeting: str, to: socket.socket) -> None:
    pass


@dataclasses.dataclass
class Order:
    item: Any


@dataclasses.dataclass
class PlainOrder:
    item: str


@dataclasses.dataclass
class HasUnknown:
    item: Elsewhere


class Mixed(enum.Enum):
    NUMBER = 1
    TEXT = "text"


class Pair(NamedTuple):
    first: Any


def with_local_class():
    @dataclasses.dataclass
    class Local:
        item: str

    def take(local: Local):
        pass

    return take


@pytest.mark.parametrize(
    ("function", "flaw"),
    [
        *((function, "is a generator function") for function in (generator, async_generator, Generates())),
        (functools.partial(generator), "is a generator function"),
        *((kind, "is a class") for kind in (Order, Pair, Greeter, dict, str, Task)),
        (Greeter.greet, "Greeter.greet cannot be a worker function: it is a method without its object"),
        (connect, "^connect cannot .*: it has a parameter 'to' that no input can fill: .*socket has no JSON form"),
        (greet, "it has a parameter 'name' with the annotation Elsewhere, .*'Elsewhere' is not defined.*TYPE_CHECKING"),
        (type_checkers_task, "has a parameter 'task' with the annotation TaskOfTheTypeChecker, .*TYPE_CHECKING"),
        (annotated("not Python"), "has a parameter 'task' with the annotation not Python, which cannot be read"),
        (functools.partial(connect), "has a parameter 'to' that no input can fill"),
        (with_local_class(), "a parameter 'local' with the annotation Local, .* not inside of a function or a class"),
        (annotated(HasUnknown), "a parameter 'task' that no input can fill: .*'Elsewhere' is not defined"),
        *(
            (annotated(annotation), f"a parameter 'task' that no input can fill: .*{reason}")
            for annotation, reason in (
                (CannotBeCompared(), ""),
                (complex, "has no JSON form"),
                (Iterable[int], "has no JSON form"),
                (Callable[[], int], "has no JSON form"),
                (type[int], "has no JSON form"),
                (list[socket.socket], "has no JSON form"),
                (list[dict[Path, int]], "a key cannot have the type pathlib"),
                (str | dt.date, "may not contain more than one str-like type"),
                (Order | PlainOrder, "may not contain more than one dataclass or attrs type"),
                (Literal[1.5], "Literal may only contain"),
                (Mixed, "Enums must contain"),
                (pydantic.EmailStr, "email-validator"),
            )
        ),
    ],
)
def test_any_other_is_refused_by_what_is_wrong_with_it(function, flaw):
    with pytest.raises(ConfigurationError, match=flaw) as caught:
        Worker("t", function)
    assert " cannot be a worker function: it " in str(caught.value)


@pytest.mark.parametrize("other", [None, "work", 5])
def test_a_value_that_is_no_function_is_refused(other):
    with pytest.raises(ConfigurationError, match=f"^execute must be callable, not {other!r}$"):
        Worker("t", other)


def test_a_runner_refuses_it_before_it_starts_anything():
    with TaskRunner(FakeTaskClient()) as runner:
        with pytest.raises(ConfigurationError, match="greet cannot be a worker function: it has a parameter"):
            runner.start_worker("t", greet)
        assert runner.get_batch_size_for_all() == {}


def test_what_a_partial_function_holds_is_not_shown():
    with pytest.raises(ConfigurationError) as caught:
        Worker("t", functools.partial(send, "hunter2"))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("function", [Mock(spec=work), MagicMock(spec=work), AsyncMock(spec=coroutine)])
def test_a_mock_of_a_function_runs_like_it(function):
    function.return_value = {"greeting": "Hello"}
    client = FakeTaskClient()
    client.add_task("t")
    with TaskRunner(client, on_result_lost=Mock(spec=two)) as runner:
        runner.start_worker("t", function)
        assert client.results(1)[0].output_data == {"greeting": "Hello"}


def test_a_task_whose_input_does_not_fit_ends_for_good_without_a_traceback(caplog):
    called = []

    def work(count: int):
        called.append(count)

    client = FakeTaskClient()
    client.add_task("t", {"count": "hunter2"})
    with TaskRunner(client) as runner:
        runner.start_worker("t", work)
        (result,) = client.results(1)
    assert (result.status, called) == ("FAILED_WITH_TERMINAL_ERROR", [])
    assert result.reason_for_incompletion == "InvalidInputError: $.count: expected int, got str"
    (record,) = [each for each in caplog.records if "is not retried" in each.getMessage()]
    assert record.exc_info is None
    assert "hunter2" not in caplog.text


def test_a_partial_of_an_object_with_an_async_call_is_awaited():
    class Greet:
        async def __call__(self, greeting, name):
            return f"{greeting} {name}"

    assert run_worker(functools.partial(Greet(), "Hello"), {"name": "Ann"}).output_data == {"result": "Hello Ann"}
    assert run_worker(functools.partial(functools.partial(Greet(), "Hello"), name="Bo")).output_data == {
        "result": "Hello Bo"
    }
