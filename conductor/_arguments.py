"""Checks of arguments. A ConfigurationError names the argument and the problem."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from types import UnionType
from typing import TypeVar

from conductor.errors import ConfigurationError

T = TypeVar("T")

Duration = float | timedelta
"""Seconds, or a timedelta."""

LONGEST = 1e9
"""Seconds. The system's timers do not take much more."""
HUGE = 1e300
"""Larger numbers are refused, because such an int cannot become a float."""

_KINDS = (iscoroutinefunction, isgeneratorfunction, isasyncgenfunction)
_NOT_IN_A_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def seconds(name: str, value: Duration, *, minimum: float = 0.0, maximum: float = LONGEST) -> float:
    """The duration in seconds; ConfigurationError, naming the argument, unless finite and within the limits."""
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) < HUGE:
        raise ConfigurationError(f"{name} must be a number of seconds or a timedelta, not {_shown(value)}")
    if not minimum <= number <= maximum:
        limit = f"at least {minimum:g} s" if number < minimum else f"at most {maximum:g} s"
        raise ConfigurationError(f"{name} must be {limit}, not {number:g} s")
    return float(number)


def optional_seconds(
    name: str, value: Duration | None, *, minimum: float = 0.0, maximum: float = LONGEST
) -> float | None:
    """The same, or None."""
    return None if value is None else seconds(name, value, minimum=minimum, maximum=maximum)


def _shown(value: object) -> str:
    """The value for the text of an error. An int of more than 4,300 digits has no repr."""
    return "a number too large to show" if isinstance(value, int) and abs(value) >= HUGE else repr(value)


def whole_number(name: str, value: int, least: int, most: int = 2**31 - 1, *, instead_of_0: str = "") -> int:
    """The value; ConfigurationError unless it is an int within the limits. The wire has 32 bits.

    instead_of_0: what to do if 0 is given, and is not within the limits.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        advice = f"; {instead_of_0}" if instead_of_0 and value == 0 else ""
        raise ConfigurationError(f"{name} must be a whole number from {least} to {most}, not {_shown(value)}{advice}")
    return int(value)


def require_instance(name: str, value: T, kind: type | UnionType, description: str) -> T:
    """The value; ConfigurationError, naming the argument, unless it is of that kind."""
    if not isinstance(value, kind):
        raise ConfigurationError(f"{name} must be {description}, not {value!r}")
    return value


def function_name(function: object) -> str:
    """The name for the text of an error. The repr of a partial shows arguments, which may be secrets."""
    return getattr(function, "__qualname__", type(function).__qualname__)


def is_async(function: object) -> bool:
    """Whether it is an ``async def``, or an object with such a ``__call__``. A partial is as its function is."""
    while isinstance(function, partial):
        function = function.func
    return is_of_kind(iscoroutinefunction, function) or is_of_kind(iscoroutinefunction, type(function).__call__)


def is_of_kind(kind: Callable[[object], bool], function: object) -> bool:
    """Whether the function is of one of _KINDS. A mock claims to be of all kinds, and so counts as none."""
    try:
        return kind(function) and sum(each(function) for each in _KINDS) == 1
    except TypeError:
        return False


def is_valid_unicode(value: str) -> bool:
    """Whether it can be sent as UTF-8: it holds no lone surrogate."""
    return value == value.encode("utf-8", "ignore").decode("utf-8")


def require_instances(name: str, values: Sequence[T], kind: type[T]) -> list[T]:
    """The values; ConfigurationError, naming the argument, unless all are of that kind."""
    if not isinstance(values, Sequence) or not all(isinstance(value, kind) for value in values):
        raise ConfigurationError(f"{name} must be {kind.__name__}s, not {values!r}")
    return list(values)


def one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    """The value; ConfigurationError, naming the argument, unless it is allowed."""
    if value not in allowed:
        raise ConfigurationError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
    return allowed[allowed.index(value)]


def exact_str(value: str) -> str:
    """The text itself of an instance of a subclass. An Enum with str, for example, has another ``str()``."""
    return str.__str__(value)


def require_text(name: str, value: str) -> str:
    """The value; ConfigurationError, naming the argument, unless it is a text that can be sent."""
    if not isinstance(value, str) or not is_valid_unicode(value):
        raise ConfigurationError(f"{name} must be a text that is valid Unicode, not {value!r}")
    return exact_str(value)


def optional_text(name: str, value: str | None) -> str | None:
    """The same, or None."""
    return None if value is None else require_text(name, value)


def is_name(value: object) -> bool:
    """Whether it is a text without control characters and line separators, and not blank."""
    return (
        isinstance(value, str) and is_valid_unicode(value) and not _NOT_IN_A_NAME.search(value) and bool(value.strip())
    )


def as_given(value: object) -> str:
    """How an error about a value that is no name ends."""
    return "and it is empty" if isinstance(value, str) and not value.strip() else f"not {value!r}"


def path_segment(name: str, value: str) -> str:
    """The value; ConfigurationError, naming the argument, unless it can stand in a URL's path as one segment.

    The server refuses %2F and %5C there (3.32.3), and ``.`` and ``..`` would change the path.
    """
    if not is_name(value) or value in (".", "..") or "/" in value or "\\" in value:
        raise ConfigurationError(f"{name} must be a name without slashes and control characters, {as_given(value)}")
    return exact_str(value)
