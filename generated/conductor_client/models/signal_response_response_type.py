from enum import Enum, StrEnum


class SignalResponseResponseType(StrEnum):
    """A value that this package does not know is kept, as a member without a place among the others."""

    BLOCKING_TASK = "BLOCKING_TASK"
    BLOCKING_TASK_INPUT = "BLOCKING_TASK_INPUT"
    BLOCKING_WORKFLOW = "BLOCKING_WORKFLOW"
    TARGET_WORKFLOW = "TARGET_WORKFLOW"

    @classmethod
    def _missing_(cls, value: object) -> Enum | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = member._value_ = value
        return cls._value2member_map_.setdefault(value, member)  # the same object each time
