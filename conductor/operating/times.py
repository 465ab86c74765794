"""Moments and durations as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_OLDEST, _NEWEST = -62_135_596_800_000, 253_402_300_799_999
"""Milliseconds since the epoch of the years 1 and 9999."""


def moment(milliseconds: float | None) -> str:
    """Milliseconds since the epoch in ISO 8601, in UTC, with whole seconds. "" for None, and for 0: a server's none."""
    if not milliseconds or not _OLDEST <= milliseconds <= _NEWEST:
        return ""
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def duration(seconds: float) -> str:
    """``90`` as ``1 min 30 s``: at most two units. A negative duration, of clocks that differ, is ``0 s``."""
    left = max(0, int(seconds))
    counts = []
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        counts.append((count, unit))
    first = next((place for place, (count, _) in enumerate(counts) if count), len(counts) - 1)
    shown = counts[first : first + 2]
    return " ".join(f"{count} {unit}" for count, unit in shown if count or len(shown) == 1)
