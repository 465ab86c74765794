"""A worker function gets its arguments from its task."""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from conductor._arguments import is_of_kind
from conductor.context import BoundFunction
from conductor.errors import ConfigurationError
from conductor.models import Task

_GENERATORS = (inspect.isgeneratorfunction, inspect.isasyncgenfunction)


def bind(execute: Callable[..., Any]) -> BoundFunction:
    """The function, which takes its arguments from a task's context. ConfigurationError unless that is possible."""
    _check(execute)
    return lambda context: execute(context.task)


def _check(execute: Callable[..., Any]) -> None:
    if not callable(execute):
        raise ConfigurationError(f"execute must be callable, not {execute!r}")
    if isinstance(execute, type):
        flaw = "is a class: give a function, or an object that can be called"
    elif any(is_of_kind(kind, part) for kind in _GENERATORS for part in (execute, type(execute).__call__)):
        flaw = "is a generator function: calling it does not run it"
    else:
        flaw = _flaw_of_parameters(execute)
    if flaw:
        name = getattr(execute, "__qualname__", type(execute).__qualname__)  # not its repr: a partial's shows arguments
        raise ConfigurationError(f"execute must be a function of one parameter, the Task; {name} {flaw}")


def _flaw_of_parameters(execute: Callable[..., Any]) -> str:
    """The problem with the function's parameters. Empty also if they are unknown, as with some functions in C."""
    # The outer function counts, because a decorator may turn the Task into other arguments.
    ask = partial(inspect.signature, execute, follow_wrapped=False)
    try:
        signature = ask()
    except Exception:  # noqa: BLE001 - the object may be no function, and raise any error
        return ""
    try:
        signature.bind(None)
    except TypeError as error:
        return f"cannot be called with one argument: {error}"
    if inspect.unwrap(execute) is not execute:  # the annotations belong to the wrapped function
        return ""
    with suppress(Exception):  # an annotation may be any text
        signature = ask(eval_str=True)
    first = next(iter(signature.parameters.values()))
    if first.kind is inspect.Parameter.VAR_POSITIONAL:
        return ""
    annotation = vars(builtins).get(first.annotation) if isinstance(first.annotation, str) else first.annotation
    if _may_be_task(annotation):
        return ""
    return f"has a parameter {first.name!r} that is annotated as {inspect.formatannotation(annotation)}, not as Task"


def _may_be_task(annotation: Any) -> bool:
    """Whether a parameter with this annotation may take a Task. True also if that is unknown."""
    if isinstance(annotation, TypeVar):
        return any(map(_may_be_task, annotation.__constraints__ or [annotation.__bound__]))
    if get_origin(annotation) in (Union, UnionType):
        return any(each is not NoneType and _may_be_task(each) for each in get_args(annotation))
    if get_origin(annotation) is Annotated:
        return _may_be_task(get_args(annotation)[0])
    kind = get_origin(annotation) or annotation
    if annotation is inspect.Parameter.empty or annotation is Any or not isinstance(kind, type):
        return True
    try:
        return issubclass(Task, kind) or issubclass(kind, Task)
    except TypeError:  # a Protocol that allows no check
        return True
