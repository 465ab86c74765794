"""A worker function gets its arguments from its task. Its signature says which.

1. A parameter with the type Task gets the task, and one with the type TaskContext gets ``task_context()``. A parameter
   ``task`` (or ``_task``, ``_``) without a type gets the task too if no other parameter needs a value. The others then
   keep their defaults.
2. Any other parameter gets the member of the input with its name, converted to its type if there is one.
   ``**more`` gets the members that no parameter is named after.
3. A structure that is the only parameter from the input gets the whole input, unless the input has a member with the
   parameter's name that fits, or has that member and none that the structure takes. A structure is a dataclass or
   another type that JSON writes as an object, ``dict`` too.
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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Protocol, TypeVar, Union, Unpack, get_args, get_origin

from conductor._arguments import function_name, is_of_kind
from conductor.binding import at_once
from conductor.binding.convert import Converter, convert_object, converter, is_structure
from conductor.binding.fields import names_of, names_of_fields
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
    sources = sources_of(execute)
    if len(sources) == 1 and isinstance(sources[0], TheTask) and not sources[0].parameter.is_keyword:
        return lambda context: execute(context.task)
    return _bound(execute, sources)


def sources_of(execute: Callable[..., Any]) -> list[Source]:
    """The source of each argument. ConfigurationError as ``bind`` raises it."""
    try:
        _check(execute)
        return _sources(read_parameters(execute))
    except ConfigurationError as error:
        raise ConfigurationError(f"{function_name(execute)} cannot be a worker function: it {error}") from error


def _check(execute: Callable[..., Any]) -> None:
    if isinstance(execute, type):
        raise ConfigurationError("is a class: give a function, or an object that can be called")
    if any(is_of_kind(kind, part) for kind in _GENERATORS for part in (execute, type(execute).__call__)):
        raise ConfigurationError("is a generator function: calling it does not run it")


def _bound(execute: Callable[..., Any], sources: Sequence[Source]) -> BoundFunction:
    positional = [each for each in sources if not each.parameter.is_keyword]
    named = [
        (each.parameter.name, each) for each in sources if each.parameter.is_keyword and not isinstance(each, Rest)
    ]
    rest = next((each for each in sources if isinstance(each, Rest)), None)

    def call(context: TaskContext) -> Any:
        try:
            values = [each.take(context) for each in positional]
            members = {name: each.take(context) for name, each in named}
            if rest is not None:
                members |= rest.take(context)
        except DoesNotFitError:
            raise InvalidInputError("; ".join(_problems(sources, context))) from None
        return execute(*values, **members)

    convert = _at_once(sources)
    if convert is None:
        return call

    def call_at_once(context: TaskContext) -> Any:
        try:
            values = convert(context.task.input_data)
        except (ValueError, TypeError):
            values = None
        return call(context) if values is None else execute(*values)

    return call_at_once


def _at_once(sources: Sequence[Source]) -> at_once.Convert | None:
    parameters = [each.parameter for each in sources if not each.parameter.is_keyword]
    kinds = {type(each) for each in sources}
    if kinds <= {Member} and len(parameters) == len(sources):
        return at_once.of_members(parameters)
    return at_once.of_whole(*parameters) if kinds == {Whole} and parameters else None


def _problems(sources: Sequence[Source], context: TaskContext) -> Iterator[str]:
    for each in sources:
        try:
            each.take(context)
        except DoesNotFitError as problem:
            yield f"{problem}{_advice(sources)}"


def _advice(sources: Sequence[Source]) -> str:
    """For a function that wants the task, but whose only parameter has neither its type nor its name."""
    only = sources[0].parameter
    is_untyped = len(sources) == 1 and type(sources[0]) is Member and only.annotation is Any
    return f"; `{only.name}: Task` gets the task itself" if is_untyped else ""


def _sources(parameters: Sequence[Parameter]) -> list[Source]:
    if parameters and parameters[0].name == "self" and parameters[0].annotation is Any:
        raise ConfigurationError("is a method without its object: give the method of an object")
    of_input = [each for each in parameters if not any(_takes(each.annotation, kind) for kind in (Task, TaskContext))]
    task = _only_task(of_input)
    if task is None:
        return [_source(each, is_alone=of_input == [each]) for each in parameters]
    found: list[Source] = []
    for each in parameters:
        if each is task:
            found.append(TheTask(each))
        elif each not in of_input:
            found.append(_source(each))
        elif each.others is None:
            found.append(_Default(each))
    return found


def _only_task(of_input: Sequence[Parameter]) -> Parameter | None:
    """The parameter for the task, if only its name says so: no other one needs a value, or has such a name too."""
    named = [each for each in of_input if each.others is None]
    needed = [each for each in named if each.default is NO_DEFAULT]
    alone = needed or [each for each in named if each.name in _NAMES_OF_TASK]
    if len(alone) != 1 or alone[0].name not in _NAMES_OF_TASK:
        return None
    annotation = alone[0].annotation
    return alone[0] if annotation is Any or annotation is object else None


def _source(parameter: Parameter, *, is_alone: bool = False) -> Source:
    annotation = parameter.annotation
    if _takes(annotation, Task):
        return TheTask(parameter)
    if _takes(annotation, TaskContext):
        return _Context(parameter)
    is_together = get_origin(annotation) is Unpack
    if is_together:
        (annotation,) = get_args(annotation)
    try:
        convert = converter(annotation)
    except ConfigurationError as error:
        raise ConfigurationError(f"has a parameter {parameter.name!r} that no input can fill: {error}") from error
    if parameter.others is not None:
        return TypedRest(parameter, convert, names_of_fields(annotation)) if is_together else Rest(parameter, convert)
    if is_alone and is_structure(annotation):
        return Whole(parameter, convert, names_of(annotation), names_of_fields(annotation))
    return Member(parameter, convert)


def _takes(annotation: Any, kind: type) -> bool:
    """Whether a parameter with this annotation is for a Task, or for a TaskContext."""
    if isinstance(annotation, TypeVar):
        return any(_takes(each, kind) for each in annotation.__constraints__ or [annotation.__bound__])
    if get_origin(annotation) in (Union, UnionType):
        return any(_takes(each, kind) for each in get_args(annotation))
    if get_origin(annotation) is Annotated:
        return _takes(get_args(annotation)[0], kind)
    base = get_origin(annotation) or annotation
    if not isinstance(base, type) or base is object:
        return False
    if Protocol in base.__bases__:  # JSON has no such values
        return kind is Task
    return issubclass(base, kind) or base in kind.__mro__


@dataclass(frozen=True)
class Source(ABC):
    """The origin of an argument."""

    parameter: Parameter

    @abstractmethod
    def take(self, context: TaskContext) -> Any:
        """The argument. DoesNotFitError if the input does not fit the parameter's type."""


class TheTask(Source):
    def take(self, context: TaskContext) -> Any:
        return context.task


class _Context(Source):
    def take(self, context: TaskContext) -> Any:
        return context


class _Default(Source):
    def take(self, context: TaskContext) -> Any:  # noqa: ARG002 - the same for all
        return self.parameter.default


@dataclass(frozen=True)
class OfInput(Source):
    """The input."""

    convert: Converter

    def take(self, context: TaskContext) -> Any:
        return self.read(context.task.input_data)

    @abstractmethod
    def read(self, data: Mapping[str, Any]) -> Any:
        """The argument for an input. DoesNotFitError as above."""


class Member(OfInput):
    """The member of the input with the parameter's name."""

    def read(self, data: Mapping[str, Any]) -> Any:
        name, default = self.parameter.name, self.parameter.default
        value = data.get(name, NOTHING)
        if value is NOTHING and default is not NO_DEFAULT:
            return default
        try:
            converted = self.convert(value)
        except DoesNotFitError as problem:
            if value is None and default is not NO_DEFAULT:
                return default
            raise problem.below(f"$.{name}") from None
        if converted is NOTHING:  # a parameter without a type takes any value
            raise DoesNotFitError(f"$.{name}", "a value", "nothing")
        return converted


@dataclass(frozen=True)
class Whole(Member):
    """The member if there is one that fits, else the whole input. names, fields: as the functions of ``fields`` say."""

    names: frozenset[str] | None
    fields: frozenset[str]

    def read(self, data: Mapping[str, Any]) -> Any:
        if self.parameter.name not in data:
            default = self.parameter.default
            return convert_object(self.convert, data, self.fields) if data or default is NO_DEFAULT else default
        try:
            return super().read(data)
        except DoesNotFitError as problem:
            if self.names is None or self.names & data.keys():  # else any input fits if each field has a default
                with suppress(DoesNotFitError):
                    return convert_object(self.convert, data, self.fields)
            raise problem from None


class Rest(OfInput):
    """The members of the input that no parameter is named after."""

    def read(self, data: Mapping[str, Any]) -> Any:
        rest = self.members(data)
        for name, value in rest.items():
            try:
                rest[name] = self.convert(value)
            except DoesNotFitError as problem:
                raise problem.below(f"${path_step(name)}") from None
        return rest

    def members(self, data: Mapping[str, Any]) -> dict[str, Any]:
        others = self.parameter.others or ()
        return {name: value for name, value in data.items() if name not in others}


@dataclass(frozen=True)
class TypedRest(Rest):
    """The same, with a type for each: ``**more: Unpack[Options]``. fields: as ``names_of_fields`` gives them."""

    fields: frozenset[str]

    def read(self, data: Mapping[str, Any]) -> Any:
        return convert_object(self.convert, self.members(data), self.fields)
