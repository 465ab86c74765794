from enum import StrEnum


class SubWorkflowParamsIdempotencyStrategy(StrEnum):
    """A value that this package does not know is kept, as a member without a place among the others."""

    FAIL = "FAIL"
    FAIL_ON_RUNNING = "FAIL_ON_RUNNING"
    RETURN_EXISTING = "RETURN_EXISTING"

    @classmethod
    def _missing_(cls, value: object) -> "SubWorkflowParamsIdempotencyStrategy | None":
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = member._value_ = value
        return member
