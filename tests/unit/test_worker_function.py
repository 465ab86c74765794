"""Which functions a worker can be started with: what can be called with a Task, and asks for nothing else."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Optional, Protocol, TypeVar, Union, runtime_checkable
from unittest.mock import AsyncMock, MagicMock, Mock, create_autospec

import msgspec
import pytest

from conductor import ConfigurationError, Task, TaskRunner
from conductor.testing import FakeTaskClient
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
        *(work, type_checkers_task, with_defaults, only_default, any_name, positional_only, all_in_one, coroutine),
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
        *(OddSignature("a text"), OddSignature(LookupError()), annotated(CannotBeCompared())),
        *(functools.cache(any_name), functools.singledispatch(any_name), asyncio.coroutines.iscoroutine),
        *(unpacks_input(Greeter().greet_by_name), unpacks_input(lambda name, age: 1), passes_all_on(two)),
        *map(annotated, (Task, Alias, OwnTask, object, Any, msgspec.Struct, HasId, HasInput, None, "None")),
        *map(annotated, (Optional[Task], Union[Task, None], Task | dict, Annotated[Task, "the"], Union[str, Any])),  # noqa: UP007, UP045 - as users write it
        *map(annotated, (AnyTask, Anything, "Task", "Task | None", "Optional[Task]", "Elsewhere", "not Python")),
        annotated(Optional["Task"]),
    ],
)
def test_a_function_that_takes_a_task_is_accepted(function):
    assert Worker("t", function).execute is function


def generator(task: Task):
    yield {}


async def async_generator(task: Task):
    yield {}


def greet(name: str) -> Elsewhere:
    """Of its annotations only one can be found."""


def needs_keyword(task, *, greeting):
    pass


@dataclasses.dataclass
class Order:
    item: Any


class Pair(NamedTuple):
    first: Any


@pytest.mark.parametrize(
    ("function", "flaw"),
    [
        *((function, "with one argument: too many") for function in (lambda: 1, Nameless())),
        *((function, "missing a required argument") for function in (two, lambda a, b: 1, Greeter.greet)),
        (functools.partial(two, task=1, greeting=1), "too many positional arguments"),
        (functools.partial(work, None), "too many positional arguments"),
        (needs_keyword, "missing a required argument: 'greeting'|missing a required keyword-only argument: 'greeting'"),
        *((function, "is a generator function") for function in (generator, async_generator, Generates())),
        (functools.partial(generator), "is a generator function"),
        *((kind, "is a class") for kind in (Order, Pair, Greeter, dict, str, Task)),
        (greet, "a parameter 'name' that is annotated as str, not as Task"),
        (Greeter().greet_by_name, "a parameter 'name' that is annotated"),
        (functools.partial(Greeter.greet_by_name, None), "a parameter 'name' that is annotated"),
        *(
            (annotated(annotation), "a parameter 'task' that is annotated as .+, not as Task")
            for annotation in (
                str,
                int,
                Order,
                dict[str, Any],
                list[Task],
                Mapping,
                "dict[str, str]",
                str | None,
                AnyText,
            )
        ),
        (annotated(Annotated[str, "a name"]), "annotated as .*Annotated.+, not as Task"),
        *((each, "execute must be callable") for each in (None, "work", 5)),
    ],
)
def test_any_other_is_refused_by_what_is_wrong_with_it(function, flaw):
    with pytest.raises(ConfigurationError, match=flaw) as caught:
        Worker("t", function)
    assert "execute must be" in str(caught.value)


def test_a_runner_refuses_it_before_it_starts_anything():
    with TaskRunner(FakeTaskClient()) as runner:
        with pytest.raises(ConfigurationError, match="a function of one parameter, the Task; greet has a parameter"):
            runner.start_worker("t", greet)
        assert runner.get_batch_size_for_all() == {}


def test_what_a_partial_function_holds_is_not_shown():
    with pytest.raises(ConfigurationError) as caught:
        Worker("t", functools.partial(two, "hunter2", "hunter2"))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("function", [Mock(spec=work), MagicMock(spec=work), AsyncMock(spec=coroutine)])
def test_a_mock_of_a_function_runs_like_it(function):
    function.return_value = {"greeting": "Hello"}
    client = FakeTaskClient()
    client.add_task("t")
    with TaskRunner(client, on_result_lost=Mock(spec=two)) as runner:
        runner.start_worker("t", function)
        assert client.results(1)[0].output_data == {"greeting": "Hello"}
