from enum import Enum, StrEnum
from typing import Literal

from ..base import LONGEST_NAME


class WorkflowTaskJoinMode(StrEnum):
    """A value that this package does not know becomes a member without a place among the others, equal to its text."""

    ASYNC = "ASYNC"
    SYNC = "SYNC"

    @classmethod
    def _missing_(cls, value: object) -> Enum | None:
        if not isinstance(value, str) or len(value) > LONGEST_NAME:
            return None
        member = str.__new__(cls, value)  # not kept here: a server may invent any number of them
        member._name_ = member._value_ = value
        return member


WorkflowTaskJoinModeText = Literal[
    "ASYNC",
    "SYNC",
]
"""The texts of its members, for type checkers."""
