"""The inputs that a worker function takes, and the problems of inputs that are given before a task exists."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import signature
from typing import Any, Unpack, get_args, get_origin

from msgspec import inspect

from conductor.binding.bind import parameters_of_input, takes_task
from conductor.binding.convert import convert_object, converter
from conductor.binding.misfit import DoesNotFitError, path_step
from conductor.binding.other_spellings import members
from conductor.binding.parameters import NO_DEFAULT, Parameter
from conductor.binding.pydantic_types import is_of_pydantic

Fields = Mapping[str, bool]
"""The names of members of an object; whether it needs them."""

EXPRESSION = "${"
"""The beginning of an expression, which has a value when its workflow runs."""


def problem_with(execute: Callable[..., Any], given: Mapping[str, Any]) -> str:
    """The first problem of a function with its inputs, which may hold expressions. Empty if there is none."""
    parameters, may_be_whole = parameters_of_input(execute)
    if not may_be_whole:
        return _problem_by_name(parameters, given, takes_others=takes_task(execute))
    (only,) = parameters
    if not given and only.default is not NO_DEFAULT:
        return ""
    problem = _problem_with_whole(only.annotation, given)
    if problem and only.name in given:
        return _problem_by_name(parameters, given, takes_others=takes_task(execute))
    return problem


def _problem_by_name(parameters: Sequence[Parameter], given: Mapping[str, Any], *, takes_others: bool) -> str:
    """Each parameter takes the input of its name, and ``**others`` takes the rest."""
    named = {each.name: each for each in parameters if each.others is None}
    rest = {name: value for name, value in given.items() if name not in named}
    for each in parameters:
        if each.others is None:
            continue
        takes_others = True
        if get_origin(each.annotation) is Unpack:
            problem = _problem_with_whole(get_args(each.annotation)[0], rest)
        else:
            problem = _first(_misfit(each.annotation, value, path_step(name)) for name, value in rest.items())
        if problem:
            return problem
    known = {name: each.default is NO_DEFAULT for name, each in named.items()}
    return _problem_with_names(known, given, takes_others=takes_others) or _first(
        _misfit(each.annotation, given[name], path_step(name)) for name, each in named.items() if _has(given, each)
    )


def _first(problems: Iterable[str]) -> str:
    return next(filter(None, problems), "")


def _problem_with_whole(kind: Any, given: Mapping[str, Any]) -> str:
    """All the inputs together are one value of the type."""
    fields = _fields(kind)
    if fields is not None and (problem := _problem_with_names(fields, given, takes_others=False)):
        return problem
    if _holds_expression(given):
        return ""
    try:
        convert_object(converter(kind), given)
    except DoesNotFitError as misfit:
        return str(misfit)
    return ""


def _problem_with_names(known: Fields, given: Mapping[str, Any], *, takes_others: bool) -> str:
    unknown = [] if takes_others else [name for name in given if name not in known]
    if unknown:
        nearest = difflib.get_close_matches(unknown[0], known, n=1)
        return f"it takes no input {unknown[0]!r}" + (f"; the nearest is {nearest[0]!r}" if nearest else "")
    missing = [name for name, is_needed in known.items() if is_needed and name not in given]
    return f"it needs the input {missing[0]!r}" if missing else ""


def _has(given: Mapping[str, Any], parameter: Parameter) -> bool:
    """Whether the parameter gets a value. ``null`` leaves it its default."""
    return parameter.name in given and (given[parameter.name] is not None or parameter.default is NO_DEFAULT)


def _misfit(kind: Any, value: Any, path: str) -> str:
    """The problem with a value. Empty if it fits, or if it holds an expression."""
    if _holds_expression(value):
        return ""
    try:
        converter(kind)(value)
    except DoesNotFitError as problem:
        return str(problem.below(f"${path}"))
    return ""


def _holds_expression(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_expression, value.values()))
    if isinstance(value, list):
        return any(map(_holds_expression, value))
    return isinstance(value, str) and EXPRESSION in value


def _fields(kind: Any) -> Fields | None:
    """The members of a structure. None if it takes members of any name, or if they are not known."""
    if is_of_pydantic(kind):
        return _fields_of_pydantic(kind)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return {each.name: each.default is each.empty for each in signature(kind).parameters.values()}
    shapes = [each for each in members(inspect.type_info(kind)) if not isinstance(each, inspect.NoneType)]
    fields: Iterable[inspect.Field] | None = getattr(shapes[0], "fields", None)
    if len(shapes) > 1 or fields is None:
        return None
    return {each.encode_name: each.required for each in fields}


def _fields_of_pydantic(kind: Any) -> Fields | None:
    """Other fields than those of a plain model may be given in several ways, so they are left to the workflow's run."""
    config = getattr(kind, "model_config", {})
    fields = getattr(kind, "model_fields", None)
    if fields is None or config.get("extra") == "allow" or any(each.validation_alias for each in fields.values()):
        return None
    return {name: each.is_required() for name, each in fields.items()}
