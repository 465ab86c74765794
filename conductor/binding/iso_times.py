"""Reads ISO 8601 times as other languages write them. msgspec reads the usual form, and is faster."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, timezone
from typing import TypeVar

T = TypeVar("T", bound=datetime)

_REGION = re.compile(r"([Tt ].*(?:[Zz]|[+-]\d\d(?::?\d\d)?))\[[\w/:+-]+\]\Z")
"""Java: ``2026-01-02T03:04:05+01:00[Europe/Paris]``. The offset says it all. Without one, the time is not known."""
_DAY = r"\d{4}(-\d\d-\d\d|\d{4}|-?W\d\d(-?\d)?|-?\d{3})"  # a calendar day, a week, or the number of a day in its year
_MOMENT = re.compile(rf"{_DAY}([Tt ].+)?")
_NUMBER = r"([+-]?\d+(?:[.,]\d+)?)"
_DURATION = re.compile(
    rf"([+-]?)P(?:{_NUMBER}W)?(?:{_NUMBER}D)?(?:T(?=.)(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?", re.ASCII
)


def read_datetime(text: str) -> datetime:
    """The moment: of a day alone, its first. ValueError for other text; a year or a month is no moment."""
    text = _REGION.sub(r"\1", text)
    if not _MOMENT.fullmatch(text):
        raise ValueError("not a day and time in ISO 8601")
    from dateutil.parser import isoparser  # noqa: PLC0415 - few workers need it

    moment = isoparser().isoparse(text.replace("t", "T"))
    return moment.replace(tzinfo=_plain_zone(moment))


def read_date(text: str) -> date:
    """The day. ValueError for other text."""
    if not re.fullmatch(_DAY, text):
        raise ValueError("not a day in ISO 8601")
    from dateutil.parser import isoparser  # noqa: PLC0415 - as above

    day: date = isoparser().parse_isodate(text)
    return day


def read_time(text: str) -> time:
    """The time of day. ValueError for other text."""
    from dateutil.parser import isoparser  # noqa: PLC0415 - as above

    moment: time = isoparser().parse_isotime(text)
    return moment.replace(tzinfo=_plain_zone(moment))


def read_timedelta(text: str) -> timedelta:
    """The duration. ValueError for other text, and for years and months, whose length is not fixed."""
    found = _DURATION.fullmatch(text)
    if not found or not any(found.groups()[1:]):
        raise ValueError("not a duration in ISO 8601")
    sign, *numbers = found.groups(default="0")
    weeks, days, hours, minutes, seconds = (float(number.replace(",", ".")) for number in numbers)
    duration = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    return -duration if sign == "-" else duration


def _plain_zone(moment: datetime | time) -> timezone | None:
    """Its zone as a plain offset, as msgspec makes it."""
    offset = moment.utcoffset()
    return None if offset is None else timezone(offset)
