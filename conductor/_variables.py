"""Values from the texts of environment variables. A ConfigurationError names the variable and the problem."""

from __future__ import annotations

import math
import re

from conductor._arguments import LONGEST, seconds, whole_number
from conductor.errors import ConfigurationError

_WHOLE = re.compile(r"[+-]?[0-9]{1,20}")
_DURATION = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]{1,3})?)\s*(s|ms)?", re.IGNORECASE)
_SWITCH = dict.fromkeys(("true", "1", "yes", "on"), True) | dict.fromkeys(("false", "0", "no", "off"), False)


def whole_number_of(variable: str, text: str, least: int, most: int = 2**31 - 1) -> int:
    """The whole number that the text shows."""
    if not _WHOLE.fullmatch(text.strip()):
        raise ConfigurationError(f"{variable} must be a whole number from {least} to {most}, not {text!r}")
    return whole_number(variable, int(text), least, most)


def switch_of(variable: str, text: str) -> bool:
    """True for ``true``, ``1``, ``yes`` or ``on``, False for their opposites."""
    chosen = _SWITCH.get(text.strip().lower())
    if chosen is None:
        raise ConfigurationError(f"{variable} must be true or false, not {text!r}")
    return chosen


def seconds_of(
    variable: str,
    text: str,
    *,
    minimum: float = 0.0,
    maximum: float = LONGEST,
    unit: str = "s",
    most_without_unit: float = math.inf,
) -> float:
    """The duration in seconds. Its unit may stand behind the number, as in ``500ms`` or ``2 s``.

    unit: the unit of a number without one, ``s`` or ``ms``. most_without_unit: a greater number must have a unit.
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise ConfigurationError(f"{variable} must be a duration such as 0.5, 2s or 500ms, not {text!r}")
    number, given_unit = float(found[1]), found[2]
    if given_unit is None and number > most_without_unit:
        raise ConfigurationError(f"{variable} must have a unit, because {text} may be meant as {text}s or {text}ms")
    is_milliseconds = (given_unit or unit).lower() == "ms"
    return seconds(variable, number / 1000 if is_milliseconds else number, minimum=minimum, maximum=maximum)
