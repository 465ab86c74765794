from enum import StrEnum


class TaskDefRetryLogic(StrEnum):
    """A value that this package does not know is kept, as a member without a place among the others."""

    EXPONENTIAL_BACKOFF = "EXPONENTIAL_BACKOFF"
    FIXED = "FIXED"
    LINEAR_BACKOFF = "LINEAR_BACKOFF"

    @classmethod
    def _missing_(cls, value: object) -> "TaskDefRetryLogic | None":
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = member._value_ = value
        return member
