"""A part of a list, with the errors of Java's ``subList``."""

from __future__ import annotations

from typing import Any

from conductor.testing.engine import Refusal


def part(found: list[Any], start: int, count: int) -> list[Any]:
    """Up to ``count`` elements from ``start`` on. Refusal 400, 500."""
    first, end = min(start, len(found)), min(start + count, len(found))
    if first < 0:
        raise Refusal(500, f"fromIndex = {first}")
    if first > end:
        raise Refusal(400, f"fromIndex({first}) > toIndex({end})")
    return found[first:end]
