"""A worker function gets its arguments from its task. Its signature says which.

1. A parameter with the type Task gets the task, and one with the type TaskContext gets ``task_context()``. A parameter
   ``task`` (or ``_task``, ``_``) without a type gets the task too if no other parameter needs a value. The others then
   keep their defaults.
2. Any other parameter gets the member of the input with its name, converted to its type if there is one.
   ``**more`` gets the members that no parameter is named after.
3. A structure that is the only parameter from the input gets the whole input, unless the input has a member with the
   parameter's name that fits. A structure is a dataclass or another type that JSON writes as an object, ``dict`` too.
4. A member that is missing leaves a parameter its default. So does ``null`` if the type has no None: an expression of a
   workflow that finds nothing gives ``null``. The fields of a structure that gets the whole input count as parameters.

For example, with the input ``{"sku": "a-1", "count": 2}``::

    def f(task: Task): ...                         # the task; task.input_data is the input
    def f(sku: str, count: int = 1): ...           # "a-1", 2
    def f(line: Line): ...                         # Line("a-1", 2)
    def f(line: dict[str, Any]): ...               # {"sku": "a-1", "count": 2}
    def f(context: TaskContext, **more: str): ...  # InvalidInputError: $.count: expected str, got int

A wrong or missing member is an InvalidInputError. A parameter that no input could fill is a ConfigurationError when the
worker is made. A function without named parameters, such as ``print``, is called with the task.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Protocol, TypeVar, Union, Unpack, get_args, get_origin

from conductor._arguments import is_of_kind
from conductor.binding.convert import Converter, convert_object, converter, is_structure
from conductor.binding.misfit import DoesNotFitError, path_step
from conductor.binding.other_spellings import NOTHING
from conductor.binding.parameters import NO_DEFAULT, Parameter, read_parameters
from conductor.context import BoundFunction, TaskContext
from conductor.errors import ConfigurationError, InvalidInputError
from conductor.models import Task

_GENERATORS = (inspect.isgeneratorfunction, inspect.isasyncgenfunction)
_NAMES_OF_TASK = ("task", "_task", "_")


def bind(execute: Callable[..., Any]) -> BoundFunction:
    """The function, which takes its arguments from a task's context. ConfigurationError unless that is possible."""
    if not callable(execute):
        raise ConfigurationError(f"execute must be callable, not {execute!r}")
    _, sources = _read(execute)
    if sources is None or (len(sources) == 1 and isinstance(sources[0], _Task) and not sources[0].is_keyword):
        return lambda context: execute(context.task)
    return _bound(execute, sources)


def parameters_of_input(execute: Callable[..., Any]) -> tuple[list[Parameter], bool]:
    """The parameters that the input fills, and whether there is only one, which may take the whole input.

    ConfigurationError as ``bind`` raises it.
    """
    parameters, sources = _read(execute)
    named = {each.name: each for each in parameters or []}
    of_input = [each for each in sources or [] if not isinstance(each, _Task | _Context | _Default)]
    return [named[each.name] for each in of_input], any(isinstance(each, _Whole) for each in of_input)


def takes_task(execute: Callable[..., Any]) -> bool:
    """Whether the function gets the task itself, and so may use any member of the input."""
    _, sources = _read(execute)
    return sources is None or any(isinstance(each, _Task) for each in sources)


def _read(execute: Callable[..., Any]) -> tuple[list[Parameter] | None, list[_Source] | None]:
    """The parameters, and where their arguments come from. None and None without named parameters."""
    try:
        _check(execute)
        parameters = read_parameters(execute)
        return parameters, None if parameters is None else _sources(parameters)
    except ConfigurationError as error:
        name = getattr(execute, "__qualname__", type(execute).__qualname__)  # not its repr: a partial's shows arguments
        raise ConfigurationError(f"{name} cannot be a worker function: it {error}") from error


def _check(execute: Callable[..., Any]) -> None:
    if isinstance(execute, type):
        raise ConfigurationError("is a class: give a function, or an object that can be called")
    if any(is_of_kind(kind, part) for kind in _GENERATORS for part in (execute, type(execute).__call__)):
        raise ConfigurationError("is a generator function: calling it does not run it")


def _bound(execute: Callable[..., Any], sources: Sequence[_Source]) -> BoundFunction:
    positional = [each for each in sources if not each.is_keyword]
    named = [(each.name, each) for each in sources if each.is_keyword and not isinstance(each, _Rest)]
    rest = next((each for each in sources if isinstance(each, _Rest)), None)

    def call(context: TaskContext) -> Any:
        try:
            values = [each.take(context) for each in positional]
            members = {name: each.take(context) for name, each in named}
            if rest is not None:
                members |= rest.take(context)
        except DoesNotFitError:
            raise InvalidInputError("; ".join(_problems(sources, context))) from None
        return execute(*values, **members)

    return call


def _problems(sources: Sequence[_Source], context: TaskContext) -> Iterator[str]:
    for each in sources:
        try:
            each.take(context)
        except DoesNotFitError as problem:
            yield str(problem)


def _sources(parameters: Sequence[Parameter]) -> list[_Source]:
    """Where each argument comes from."""
    if parameters and parameters[0].name == "self" and parameters[0].annotation is Any:
        raise ConfigurationError("is a method without its object: give the method of an object")
    of_input = [each for each in parameters if not any(takes(each.annotation, kind) for kind in (Task, TaskContext))]
    task = only_task(of_input)
    if task is not None:
        kept = [each for each in of_input if each is not task]
        return [
            _Default(each.name, each.is_keyword, each.default) if each in kept else _source(each, is_task=each is task)
            for each in parameters
            if each.others is None
        ]
    return [_source(each, is_alone=of_input == [each]) for each in parameters]


def only_task(of_input: Sequence[Parameter]) -> Parameter | None:
    """The parameter for the task, if only its name says so: it is alone, or no other one needs a value."""
    named = [each for each in of_input if each.others is None]
    needed = [each for each in named if each.default is NO_DEFAULT]
    for each in (named, needed):
        if (
            len(each) == 1
            and each[0].name in _NAMES_OF_TASK
            and any(each[0].annotation is kind for kind in (Any, object))
        ):
            return each[0]
    return None


def _source(parameter: Parameter, *, is_task: bool = False, is_alone: bool = False) -> _Source:
    name, annotation, is_keyword = parameter.name, parameter.annotation, parameter.is_keyword
    if is_task or takes(annotation, Task):
        return _Task(name, is_keyword)
    if takes(annotation, TaskContext):
        return _Context(name, is_keyword)
    is_together = get_origin(annotation) is Unpack
    try:
        convert = converter(get_args(annotation)[0] if is_together else annotation)
    except ConfigurationError as error:
        raise ConfigurationError(f"has a parameter {name!r} that no input can fill: {error}") from error
    if parameter.others is not None:
        return (_TypedRest if is_together else _Rest)(name, True, convert, parameter.others)
    if is_alone and is_structure(annotation):
        return _Whole(name, is_keyword, convert, parameter.default)
    return _Member(name, is_keyword, convert, parameter.default)


def takes(annotation: Any, kind: type) -> bool:
    """Whether a parameter with this annotation is for a Task, or for a TaskContext."""
    if isinstance(annotation, TypeVar):
        return any(takes(each, kind) for each in annotation.__constraints__ or [annotation.__bound__])
    if get_origin(annotation) in (Union, UnionType):
        return any(takes(each, kind) for each in get_args(annotation))
    if get_origin(annotation) is Annotated:
        return takes(get_args(annotation)[0], kind)
    base = get_origin(annotation) or annotation
    if not isinstance(base, type) or base is object:
        return False
    if Protocol in base.__bases__:  # JSON has no such values
        return kind is Task
    return issubclass(base, kind) or base in kind.__mro__


@dataclass(frozen=True)
class _Source(ABC):
    """The origin of an argument."""

    name: str
    is_keyword: bool

    @abstractmethod
    def take(self, context: TaskContext) -> Any:
        """The argument. DoesNotFitError if the input does not fit the parameter's type."""


class _Task(_Source):
    def take(self, context: TaskContext) -> Any:
        return context.task


class _Context(_Source):
    def take(self, context: TaskContext) -> Any:
        return context


@dataclass(frozen=True)
class _Default(_Source):
    default: Any

    def take(self, context: TaskContext) -> Any:  # noqa: ARG002 - the same for all
        return self.default


@dataclass(frozen=True)
class _Member(_Source):
    """The member of the input with the parameter's name."""

    convert: Converter
    default: Any

    def take(self, context: TaskContext) -> Any:
        value = context.task.input_data.get(self.name, NOTHING)
        if value is NOTHING:
            return self._without()
        try:
            return self.convert(value)
        except DoesNotFitError as problem:
            if value is None and self.default is not NO_DEFAULT:
                return self.default
            raise problem.below(f"$.{self.name}") from None

    def _without(self) -> Any:
        if self.default is not NO_DEFAULT:
            return self.default
        path = f"$.{self.name}"
        try:
            self.convert(NOTHING)
        except DoesNotFitError as problem:
            raise problem.below(path) from None
        raise DoesNotFitError(path, "a value", "nothing")


class _Whole(_Member):
    """The same if there is one that fits, else the whole input."""

    def take(self, context: TaskContext) -> Any:
        data = context.task.input_data
        if self.name not in data:
            return convert_object(self.convert, data) if data or self.default is NO_DEFAULT else self.default
        try:
            return super().take(context)
        except DoesNotFitError as problem:
            with suppress(DoesNotFitError):
                return convert_object(self.convert, data)
            raise problem from None


@dataclass(frozen=True)
class _Rest(_Source):
    """The members of the input that no parameter is named after."""

    convert: Converter
    others: frozenset[str]

    def take(self, context: TaskContext) -> Any:
        rest = self._given(context)
        for name, value in rest.items():
            try:
                rest[name] = self.convert(value)
            except DoesNotFitError as problem:
                raise problem.below(f"${path_step(name)}") from None
        return rest

    def _given(self, context: TaskContext) -> dict[str, Any]:
        return {name: value for name, value in context.task.input_data.items() if name not in self.others}


class _TypedRest(_Rest):
    """The same, with a type for each: ``**more: Unpack[Options]``."""

    def take(self, context: TaskContext) -> Any:
        return self.convert(self._given(context))
