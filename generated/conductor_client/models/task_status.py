from enum import Enum, StrEnum
from typing import Literal

from ..base import LONGEST_NAME


class TaskStatus(StrEnum):
    """A value that this package does not know becomes a member without a place among the others, equal to its text."""

    CANCELED = "CANCELED"
    COMPLETED = "COMPLETED"
    COMPLETED_WITH_ERRORS = "COMPLETED_WITH_ERRORS"
    FAILED = "FAILED"
    FAILED_WITH_TERMINAL_ERROR = "FAILED_WITH_TERMINAL_ERROR"
    IN_PROGRESS = "IN_PROGRESS"
    SCHEDULED = "SCHEDULED"
    SKIPPED = "SKIPPED"
    TIMED_OUT = "TIMED_OUT"

    @classmethod
    def _missing_(cls, value: object) -> Enum | None:
        if not isinstance(value, str) or len(value) > LONGEST_NAME:
            return None
        member = str.__new__(cls, value)  # not kept here: a server may invent any number of them
        member._name_ = member._value_ = value
        return member


TaskStatusText = Literal[
    "CANCELED",
    "COMPLETED",
    "COMPLETED_WITH_ERRORS",
    "FAILED",
    "FAILED_WITH_TERMINAL_ERROR",
    "IN_PROGRESS",
    "SCHEDULED",
    "SKIPPED",
    "TIMED_OUT",
]
"""The texts of its members, for type checkers."""
