from enum import Enum, StrEnum
from typing import Literal

from ..base import LONGEST_NAME


class SchemaDefType(StrEnum):
    """A value that this package does not know becomes a member without a place among the others, equal to its text."""

    AVRO = "AVRO"
    JSON = "JSON"
    PROTOBUF = "PROTOBUF"

    @classmethod
    def _missing_(cls, value: object) -> Enum | None:
        if not isinstance(value, str) or len(value) > LONGEST_NAME:
            return None
        member = str.__new__(cls, value)  # not kept here: a server may invent any number of them
        member._name_ = member._value_ = value
        return member


SchemaDefTypeText = Literal[
    "AVRO",
    "JSON",
    "PROTOBUF",
]
"""The texts of its members, for type checkers."""
