"""Bytes in models of pydantic, which reads them as text, while an output holds bytes in base64."""

import collections
import dataclasses
from typing import Annotated, Any

import msgspec
import pydantic
import pytest

from conductor import ConfigurationError
from conductor.binding.convert import converter
from conductor.testing import run_worker

ANY_BYTES = b"\x00\xfb\xff any \xc3"


class Plain(pydantic.BaseModel):
    data: bytes


class Text(pydantic.BaseModel, val_json_bytes="utf8"):
    data: bytes


class Base64(pydantic.BaseModel, val_json_bytes="base64"):
    data: bytes
    more: list[bytes | None] = []


class Checked(pydantic.BaseModel):
    data: bytes

    @pydantic.field_validator("data")
    @classmethod
    def is_short(cls, value: bytes) -> bytes:
        return value


class Decoded(pydantic.BaseModel):
    data: bytes

    @pydantic.field_validator("data", mode="before")
    @classmethod
    def decode(cls, value: Any) -> bytes:
        return bytes.fromhex(value)


class Encoded(pydantic.BaseModel):
    data: pydantic.Base64Bytes


class EncodedTwice(pydantic.BaseModel, val_json_bytes="base64"):
    data: pydantic.Base64Bytes


class OfOther(pydantic.BaseModel):
    """The members have names that mean something in a schema of pydantic."""

    type: str = "bytes"
    config: Text | None = None
    secret: pydantic.SecretBytes = pydantic.SecretBytes(b"")
    options: dict[str, Any] = pydantic.Field(default={"type": "bytes"}, json_schema_extra={"type": "bytes"})

    @pydantic.computed_field
    def content(self) -> bytes:
        return b""


class OfOddNames(pydantic.BaseModel):
    default: bytes


class OuterOfPlain(pydantic.BaseModel, val_json_bytes="base64"):
    inner: list[Plain]


class Mapped(pydantic.BaseModel):
    data: collections.OrderedDict[str, bytes]


class Tree(pydantic.BaseModel):
    data: bytes
    branches: "list[Tree]" = []


@pydantic.dataclasses.dataclass
class PydanticDataclass:
    data: bytes


@dataclasses.dataclass
class Dataclass:
    data: bytes


class OuterOfDataclass(pydantic.BaseModel):
    inner: Dataclass


class OuterInBase64(pydantic.BaseModel, val_json_bytes="base64"):
    inner: Dataclass


def returned(value, kind):
    """The value that a function with this type gets when another has returned the value."""
    got = []

    def takes(value):
        got.append(value)

    takes.__annotations__["value"] = kind
    result = run_worker(takes, run_worker(lambda task: {"value": value}).output_data)
    assert result.status == "COMPLETED", result.reason_for_incompletion
    return got[0]


@pytest.mark.parametrize(
    "kind",
    [
        *(Plain, Checked, Encoded, OfOddNames, OuterOfPlain, Mapped, Tree, PydanticDataclass, OuterOfDataclass),
        *(list[Plain], Plain | None, dict[str, Plain], Annotated[bytes, pydantic.Field(max_length=3)]),
    ],
)
def test_bytes_that_would_be_read_in_another_way_than_they_are_written_are_refused(kind):
    with pytest.raises(ConfigurationError, match="pydantic reads bytes as text, while outputs hold bytes in base64"):
        converter(kind)


@pytest.mark.parametrize(
    "value",
    [
        Base64(data=ANY_BYTES, more=[b"", None, b"\xfe"]),
        EncodedTwice(data=b"YWJj"),
        OuterInBase64(inner=Dataclass(ANY_BYTES)),
    ],
)
def test_bytes_come_back_as_they_were_if_the_model_says_base64(value):
    assert returned(value, type(value)) == value


def test_bytes_with_constraints_of_msgspec_come_back_as_they_were():
    assert returned(ANY_BYTES, Annotated[bytes, msgspec.Meta(max_length=99)]) == ANY_BYTES


def test_the_config_of_a_model_and_its_validators_choose_how_bytes_are_read():
    assert converter(Text)({"data": "abc"}) == Text(data=b"abc")
    assert converter(Decoded)({"data": "616263"}).data == b"abc"


def test_a_model_without_bytes_in_its_input_is_taken():
    got = converter(OfOther)({"secret": "hunter2"})
    assert got.secret.get_secret_value() == b"hunter2"
