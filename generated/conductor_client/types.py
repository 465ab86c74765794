"""How JSON is read."""

import re
from typing import Any, Generic, TypeVar, cast

import msgspec

T = TypeVar("T")

# A text may lack its end, and nothing is given back (++, *+): what is broken is read once, and takes no memory.
_MARKS = re.compile(rb'(?s)"(?:[^"\\]++|\\.)*+"?|[\[\]{},]')


class Decoder(Generic[T]):
    """Decodes JSON as a type made of this package's models. Thread-safe.

    An explicit null counts as a member left out, whatever the member's type. Unknown members are ignored.
    """

    def __init__(self, type: type[T]) -> None:
        self._type = type
        self._decoder = msgspec.json.Decoder(type)
        self._shape: msgspec.inspect.Type | None = None

    def decode(self, content: bytes | msgspec.Raw) -> T:
        """Raises msgspec.DecodeError: broken JSON, or (as msgspec.ValidationError) a value of another type.

        What is left raw may be odd inside, e.g. nested too deep or half a surrogate pair: it shows when it is read.
        """
        try:
            return _read(self._decoder, content)
        except msgspec.ValidationError:
            if b"null" not in bytes(content):
                raise
            if self._shape is None:
                self._shape = msgspec.inspect.type_info(self._type)
            return msgspec.convert(_without_nulls(_read(_any_decoder, content), self._shape), self._type)
        except (msgspec.DecodeError, RecursionError):
            if self._type not in (msgspec.Raw, list[msgspec.Raw]):
                raise
            items = [msgspec.Raw(item) for item in parts(bytes(content))]
            return cast("T", msgspec.Raw(bytes(content)) if self._type is msgspec.Raw else items)


_any_decoder = msgspec.json.Decoder()


def _read(decoder: msgspec.json.Decoder[T], content: bytes | msgspec.Raw) -> T:
    try:
        return decoder.decode(content)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError("text that is not UTF-8") from error


def parts(container: bytes) -> list[bytes]:
    """The items of a JSON array, or the members of an object, unread: one may be odd, or nested too deep to be read.

    Raises msgspec.DecodeError when it is not one array or object from its beginning to its end.
    """
    text = container.strip()
    found: list[bytes] = []
    depth, begin = 0, 1
    for mark in _MARKS.finditer(text):
        kind = mark.group()
        depth += (kind in (b"[", b"{")) - (kind in (b"]", b"}"))
        if depth == 0 or (depth == 1 and kind == b","):
            found.append(text[begin : mark.start()])
            begin = mark.end()
        if depth == 0:
            break
    if text[:1] + text[-1:] not in (b"[]", b"{}") or depth or begin != len(text):
        raise msgspec.DecodeError("JSON that is cut off, or neither an array nor an object")
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
