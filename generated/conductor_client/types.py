"""How JSON is read."""

from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")


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
