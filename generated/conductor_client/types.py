"""How JSON is read."""

import re
from typing import Any, Generic, TypeVar, cast

import msgspec

T = TypeVar("T")

_MARKS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},]')


class Decoder(Generic[T]):
    """Decodes JSON as a type made of this package's models. Thread-safe.

    An explicit null counts as a member left out, whatever the member's type. Unknown members are ignored.
    """

    def __init__(self, type: type[T]) -> None:
        self._type = type
        self._decoder = msgspec.json.Decoder(type)
        self._shape: msgspec.inspect.Type | None = None

    def decode(self, content: bytes | msgspec.Raw) -> T:
        """Raises msgspec.DecodeError: broken JSON, or (as msgspec.ValidationError) a value of another type."""
        try:
            return self._decoder.decode(content)
        except msgspec.ValidationError:
            if b"null" not in bytes(content):
                raise
            if self._shape is None:
                self._shape = msgspec.inspect.type_info(self._type)
            return msgspec.convert(_without_nulls(msgspec.json.decode(content), self._shape), self._type)
        except UnicodeDecodeError as error:
            raise msgspec.DecodeError("text that is not UTF-8") from error
        except RecursionError:
            if self._type is msgspec.Raw:
                return cast("T", msgspec.Raw(bytes(content)))
            if self._type == list[msgspec.Raw]:
                return cast("T", [msgspec.Raw(item) for item in parts(bytes(content))])
            raise


def parts(container: bytes) -> list[bytes]:
    """The items of a JSON array, or the members of an object, unread: one may be nested too deep to be read."""
    found: list[bytes] = []
    depth, begin = 0, 0
    for mark in _MARKS.finditer(container):
        kind = mark.group()
        if kind in (b"[", b"{"):
            depth += 1
            begin = mark.end() if depth == 1 else begin
        elif kind in (b"]", b"}"):
            depth -= 1
        if (depth == 0 and kind in (b"]", b"}")) or (depth == 1 and kind == b","):
            found.append(container[begin : mark.start()])
            begin = mark.end()
    if depth:
        raise msgspec.DecodeError("JSON that is cut off")
    return found


def _without_nulls(value: Any, shape: msgspec.inspect.Type) -> Any:
    """The value without the members of models that are null; maps keep theirs."""
    if isinstance(shape, msgspec.inspect.UnionType):
        shape = next(each for each in shape.types if not isinstance(each, msgspec.inspect.NoneType))
    if isinstance(shape, msgspec.inspect.StructType) and isinstance(value, dict):
        shapes = {field.encode_name: field.type for field in shape.fields}
        return {
            name: _without_nulls(member, shapes.get(name, msgspec.inspect.AnyType()))
            for name, member in value.items()
            if member is not None
        }
    if isinstance(shape, msgspec.inspect.ListType) and isinstance(value, list):
        return [_without_nulls(item, shape.item_type) for item in value]
    if isinstance(shape, msgspec.inspect.DictType) and isinstance(value, dict):
        return {key: _without_nulls(item, shape.value_type) for key, item in value.items()}
    return value
