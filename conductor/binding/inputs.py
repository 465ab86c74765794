"""The inputs that a worker function takes, and the problems of inputs that are given before a task exists."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from conductor.binding.bind import Member, OfInput, Rest, TheTask, TypedRest, Whole, sources_of
from conductor.binding.fields import Fields, fields_of
from conductor.binding.misfit import DoesNotFitError
from conductor.binding.parameters import NO_DEFAULT

EXPRESSION = "${"
"""The beginning of an expression, which has a value when its workflow runs."""
TRACE = "_trace"
"""The member of a task's input that holds a trace context. ``conductor.otel`` takes it out before the function runs."""


def problem_with(execute: Callable[..., Any], given: Mapping[str, Any]) -> str:
    """The first problem of a function with its inputs, which may hold expressions. Empty if there is none.

    The function may take the member ``TRACE``, and need not.
    """
    if TRACE not in given:
        return _problem_with_all(execute, given)
    problem = _problem_with_all(execute, {name: value for name, value in given.items() if name != TRACE})
    is_taken = not problem or not _problem_with_all(execute, given)
    return "" if is_taken else problem


def _problem_with_all(execute: Callable[..., Any], given: Mapping[str, Any]) -> str:
    """The first problem of a function that gets all of these inputs."""
    sources = sources_of(execute)
    of_input = [each for each in sources if isinstance(each, OfInput)]
    takes_others = any(isinstance(each, TheTask) or type(each) is Rest for each in sources)
    return _problem_with_members(of_input, given, takes_others=takes_others) or next(
        filter(None, (_problem_with_value(each, given) for each in of_input)), ""
    )


def _problem_with_members(sources: Sequence[OfInput], given: Mapping[str, Any], *, takes_others: bool) -> str:
    """The problem with the names of the members."""
    known: dict[str, bool] = {}
    for each in sources:
        if isinstance(each, Member):
            known[each.parameter.name] = each.parameter.default is NO_DEFAULT
        elif isinstance(each, TypedRest):
            known |= fields_of(get_args(each.parameter.annotation)[0]) or {}
    problem = _problem_with_names(known, given, takes_others=takes_others)
    whole = next((each.parameter for each in sources if isinstance(each, Whole)), None)
    if not problem or whole is None:
        return problem
    fields = fields_of(whole.annotation)
    of_fields = "" if fields is None else _problem_with_names(fields, given, takes_others=takes_others)
    return problem if of_fields and whole.name in given else of_fields


def _problem_with_value(source: OfInput, given: Mapping[str, Any]) -> str:
    """The misfit of an argument. Empty if it fits, or if it holds an expression."""
    name = source.parameter.name
    part: Any = given.get(name)
    if isinstance(source, TypedRest):
        part = source.members(given)
    elif isinstance(source, Rest):  # each of the others is converted alone
        given = part = {name: value for name, value in given.items() if not _holds_expression(value)}
    elif isinstance(source, Whole) and name not in given:
        part = dict(given)
    if _holds_expression(part):
        return ""
    try:
        source.read(given)
    except DoesNotFitError as problem:
        return str(problem)
    return ""


def _problem_with_names(known: Fields, given: Mapping[str, Any], *, takes_others: bool) -> str:
    unknown = [] if takes_others else [name for name in given if name not in known]
    if unknown:
        nearest = difflib.get_close_matches(unknown[0], known, n=1)
        return f"it takes no input {unknown[0]!r}" + (f"; the nearest is {nearest[0]!r}" if nearest else "")
    missing = [name for name, is_needed in known.items() if is_needed and name not in given]
    return f"it needs the input {missing[0]!r}" if missing else ""


def _holds_expression(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_expression, value.values()))
    if isinstance(value, list):
        return any(map(_holds_expression, value))
    return isinstance(value, str) and EXPRESSION in value
