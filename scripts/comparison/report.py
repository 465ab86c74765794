"""The results for people, as one table, and for programs, as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from comparison.comparing import Comparison

VERDICTS = ("agrees", "differs", "taken by one", "refused by both")


def line(comparison: Comparison, names: tuple[str, str]) -> str:
    """A row of the table, with a line for each reason below it."""
    count = f"{comparison.courses - len(comparison.differences)}/{comparison.courses}"
    courses = count if comparison.verdict in {"agrees", "differs"} else "-"
    row = f"{comparison.verdict:<16} {courses:>6}  {comparison.file}"
    return "\n".join([row, *(f"{'':<24} {reason}" for reason in reasons(comparison, names))])


def reasons(comparison: Comparison, names: tuple[str, str]) -> list[str]:
    """Why a definition was refused, or what differs, a text for each difference."""
    refused = [
        f"{name} refuses it ({answer.status}): {answer.text}"
        for name, answer in zip(names, comparison.registered, strict=True)
        if answer.status != 200
    ]
    return refused + [
        f"{course}, {found.moment}: {found.kind}: {found.text}" for course, found in comparison.differences.items()
    ]


def summary(comparisons: Sequence[Comparison], names: tuple[str, str]) -> str:
    """The counts."""
    verdicts = Counter(comparison.verdict for comparison in comparisons)
    taken = [sum(comparison.registered[side].status == 200 for comparison in comparisons) for side in (0, 1)]
    kinds = Counter(found.kind for comparison in comparisons for found in comparison.differences.values())
    counted = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()) or "none"
    return "\n".join(
        [
            f"{len(comparisons)} definitions: {names[0]} takes {taken[0]}, {names[1]} takes {taken[1]}",
            ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in VERDICTS),
            f"courses that differ, by kind: {counted}",
        ]
    )


def as_json(comparisons: Sequence[Comparison], names: tuple[str, str]) -> dict[str, Any]:
    """The same for programs."""
    return {
        "servers": list(names),
        "definitions": [
            {
                "file": comparison.file,
                "verdict": comparison.verdict,
                "registered": {
                    name: {"status": answer.status, "message": answer.text if answer.status != 200 else ""}
                    for name, answer in zip(names, comparison.registered, strict=True)
                },
                "differences": [
                    {"course": course, **found._asdict()} for course, found in comparison.differences.items()
                ],
            }
            for comparison in comparisons
        ],
    }
