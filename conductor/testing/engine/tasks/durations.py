"""The ``duration`` and ``until`` of a WAIT task, as the server reads them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

# Possessive: a text may be of any length, and a mismatch must be found at once.
_DURATION = re.compile(
    r"\s*+(?:(\d++)\s*+(?:days?|d)\s*+)?+(?:(\d++)\s*+(?:hours?|hrs?|h)\s*+)?+(?:(\d++)\s*+(?:minutes?|mins?|m)\s*+)?+"
    r"(?:(\d++)\s*+(?:seconds?|secs?|s)\s*+)?+",
    re.IGNORECASE | re.ASCII,
)
_UNTIL = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2}))?+\s*+(?:(?:GMT|UTC|Z)?+\s*+(?:([+-])(\d{2}):?(\d{2}))?+)?+",
    re.ASCII,
)

_INT_MAX = 2**31 - 1


def parse_duration(text: str) -> int:
    """``2 days 3 hours 10 minutes 5 seconds`` in seconds. ValueError: the text has another form."""
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        raise ValueError(f"not a duration: {text!r}")
    days, hours, minutes, seconds = (int(group or 0) for group in match.groups())
    if max(days, hours, minutes, seconds) > _INT_MAX:
        raise ValueError(f"not a duration: {text!r}")
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def parse_until(text: str) -> int:
    """``2026-01-31``, ``2026-01-31 10:00`` or ``2026-01-31 10:00 GMT+02:00`` in milliseconds since the epoch.

    Without a zone the time is in UTC. ValueError: the text has another form.
    """
    match = _UNTIL.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not a date: {text!r}")
    year, month, day, hour, minute = (int(group or 0) for group in match.groups()[:5])
    zone: timezone = UTC
    if match[6]:
        zone = timezone((1 if match[6] == "+" else -1) * timedelta(hours=int(match[7]), minutes=int(match[8])))
    return int(datetime(year, month, day, hour, minute, tzinfo=zone).timestamp() * 1000)
