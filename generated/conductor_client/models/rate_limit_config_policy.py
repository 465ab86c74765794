from enum import StrEnum


class RateLimitConfigPolicy(StrEnum):
    """A value that this package does not know is kept, as a member without a place among the others."""

    QUEUE = "QUEUE"
    REJECT = "REJECT"

    @classmethod
    def _missing_(cls, value: object) -> "RateLimitConfigPolicy | None":
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = member._value_ = value
        return member
