"""Reads the parameters of a worker function, with the types that their annotations stand for."""

from __future__ import annotations

import contextlib
import functools
import inspect
import re
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from conductor.binding.type_names import without_names
from conductor.context import TaskContext
from conductor.errors import ConfigurationError
from conductor.models import Task

NO_DEFAULT = inspect.Parameter.empty
_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_TASK_AS_TEXT = re.compile(r"(?:Optional\[)?(?:\w+\.)*(TaskContext|Task)\]?(?: ?\| ?None)?")


@dataclass(frozen=True, eq=False)
class Parameter:
    """A parameter of a worker function. annotation: the type itself; Any if there is none."""

    name: str
    annotation: Any
    default: Any
    is_keyword: bool
    others: frozenset[str] | None = None
    """Of ``**name`` the names that it cannot have. None for any other parameter."""


def read_parameters(function: Callable[..., Any]) -> list[Parameter]:
    """The parameters that are given values: all but ``*args``. One for the task if there are no names: ``print``.

    The outermost function with named parameters counts, because a decorator may give the one that it wraps other
    arguments. ConfigurationError if a name in an annotation is not found, or if a decorator cannot pass a parameter on.
    """
    inner, signature, around = _named(function)
    if signature is None:
        return [Parameter("task", Task, NO_DEFAULT, is_keyword=False)]
    fixed = inner.keywords if isinstance(inner, functools.partial) else {}  # an input must not replace them
    given = [
        each
        for each in signature.parameters.values()
        if each.name not in fixed and each.kind is not each.VAR_POSITIONAL
    ]
    if _wrapped(inner) is not None:  # what follows its own parameters is for the function that it wraps
        given = [each for each in given if each.kind is not each.VAR_KEYWORD]
    keywords = _passed_by_keyword(given, around)
    return [
        Parameter(
            each.name,
            _resolved(each, inner),
            each.default,
            is_keyword=each.name in keywords,
            others=frozenset(signature.parameters) if each.kind is each.VAR_KEYWORD else None,
        )
        for each in given
    ]


def read_return_type(function: Callable[..., Any]) -> Any:
    """The type that a worker function returns, and an ``async def`` at its end. Any without an annotation.

    ConfigurationError if a name in the annotation is not found.
    """
    core = _core(_named(function)[0])
    annotation = getattr(inspect.unwrap(core), "__annotations__", {}).get("return", Any)
    try:
        return _evaluated(annotation, core)
    except Exception as error:
        raise ConfigurationError(f"has the return annotation {annotation}, which cannot be read: {error}") from error


def _named(function: Any) -> tuple[Any, inspect.Signature | None, list[inspect.Signature]]:
    """The outermost function with parameters of its own, and its signature: None if there is no such function.

    Also the signatures of the wrappers around it, which pass their arguments on.
    """
    around: list[inspect.Signature] = []
    while True:
        signature = _signature(function)
        wrapped = _wrapped(function)
        if signature is not None and (wrapped is None or not _passes_on(signature)):
            break
        if wrapped is None:
            return function, None, around
        if signature is not None:
            around.append(signature)
        function = wrapped
    kinds = {each.kind for each in signature.parameters.values()}
    takes_any = inspect.Parameter.VAR_POSITIONAL in kinds and kinds <= {*_VARIABLE}
    return function, None if takes_any else signature, around


def _passes_on(wrapper: inspect.Signature) -> bool:
    """Whether it takes any arguments. Its options, which have defaults, are no arguments of the wrapped function."""
    parameters = wrapper.parameters.values()
    options = [each for each in parameters if each.kind is each.KEYWORD_ONLY and each.default is not NO_DEFAULT]
    variable = [each for each in parameters if each.kind in _VARIABLE]
    return bool(variable) and len(variable) + len(options) == len(parameters)


def _passed_by_keyword(given: Sequence[inspect.Parameter], around: Sequence[inspect.Signature]) -> set[str]:
    """The names of the parameters that the wrappers around their function pass on by keyword alone."""
    kinds = [{each.kind for each in wrapper.parameters.values()} for wrapper in around]
    take_args = all(inspect.Parameter.VAR_POSITIONAL in each for each in kinds)
    take_keywords = all(inspect.Parameter.VAR_KEYWORD in each for each in kinds)
    options = {name for wrapper in around for name in wrapper.parameters}
    found: set[str] = set()
    for each in given:
        # No argument by position follows one by keyword.
        if found or each.kind in (each.KEYWORD_ONLY, each.VAR_KEYWORD) or not take_args or each.name in options:
            if not take_keywords or each.kind is each.POSITIONAL_ONLY:
                problem = "that its decorator cannot pass on: the wrapper needs *args and **kwargs"
                raise ConfigurationError(f"has a parameter {each.name!r} {problem}")
            found.add(each.name)
    return found


def _signature(function: Any) -> inspect.Signature | None:
    """None for an object without one, and for a function in C, whose parameters seldom name members of an input.

    ConfigurationError if a partial holds arguments that its function does not take.
    """
    core = _core(function)
    if inspect.isroutine(core) and not inspect.isfunction(core):
        return None
    try:
        return inspect.signature(function, follow_wrapped=False)
    except Exception as error:  # noqa: BLE001 - the object may be no function, and raise any error
        if isinstance(function, functools.partial) and isinstance(error.__cause__, TypeError):
            raise ConfigurationError("is a partial with arguments that its function does not take") from None
        return None


def _wrapped(function: Any) -> Any:
    """The function inside a decorated one, with the same arguments bound. None if there is none."""
    if isinstance(function, functools.partial):
        inner = _wrapped(function.func)
        return inner and functools.partial(inner, *function.args, **function.keywords)
    try:
        inner = getattr(function, "__wrapped__", None)
    except Exception:  # noqa: BLE001 - as above
        return None
    if isinstance(function, types.MethodType) and inner is not None:
        return types.MethodType(inner, function.__self__)
    if inner is None and not inspect.isroutine(function) and isinstance(function.__call__, types.MethodType):
        return _wrapped(function.__call__)
    return inner


def _core(function: Any) -> Any:
    """The function itself behind a partial, a method or an object that can be called."""
    while isinstance(function, functools.partial | types.MethodType):
        function = function.func if isinstance(function, functools.partial) else function.__func__
    return function if inspect.isroutine(function) else type(function).__call__


def _resolved(parameter: inspect.Parameter, function: Any) -> Any:
    """The type that an annotation stands for."""
    annotation = parameter.annotation
    if annotation is parameter.empty:
        return Any
    core = _core(function)
    try:
        return _evaluated(annotation, core)
    except Exception as error:
        # Task is often imported for type checkers alone.
        if isinstance(annotation, str) and (task := _TASK_AS_TEXT.fullmatch(annotation)):
            return TaskContext if task[1] == "TaskContext" else Task
        raise ConfigurationError(
            f"has a parameter {parameter.name!r} with the annotation {annotation}, which cannot be read: {error}. Its"
            f" names must be in the module {getattr(core, '__module__', None)} when the worker is made: not inside of a"
            " function or a class, and not under `if TYPE_CHECKING:`"
        ) from error


def _evaluated(annotation: Any, core: Any) -> Any:
    """The annotation with the types for the names in it, which the function sees. Any error of an expression."""
    names = dict(getattr(core, "__globals__", {}))
    names |= getattr(inspect.unwrap(core), "__globals__", {})  # a wrapper has the annotations of the other
    names |= _closure(core)

    def shell() -> None: ...

    shell.__annotations__ = {"it": annotation}
    return without_names(typing.get_type_hints(shell, names, include_extras=True)["it"])


def _closure(function: Any) -> dict[str, Any]:
    names: dict[str, Any] = {each.__name__: each for each in getattr(function, "__type_params__", ())}
    with contextlib.suppress(ValueError, TypeError):  # a name without a value yet, or no function
        names |= inspect.getclosurevars(function).nonlocals
    return names
