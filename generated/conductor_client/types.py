"""How JSON is read, leniently, and how it is written: with all that was read."""

import contextlib
import functools
import logging
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar, cast, get_args, get_origin

import msgspec
from msgspec import inspect

from .base import INT64, Definition, Model, is_default

T = TypeVar("T")

DEEPEST = 50
"""Models inside models; what is nested deeper is not read."""
_SPLIT = 4
"""So many levels of broken JSON are read piece by piece: an answer, its tasks, their members, and those of a model."""

# A text may lack its end, and nothing is given back (++, *+): what is broken is read once, and takes no memory.
_MARKS = re.compile(rb'(?s)"(?:[^"\\]++|\\.)*+"?|[\[\]{},]')
_MEMBER = re.compile(rb'(?s)\s*("(?:[^"\\]++|\\.)*+")\s*:(.*)')
_DIGITS = re.compile(r"-?[0-9]{1,19}")
_NO_UTF8 = "text that is not UTF-8"
_ODD: Any = object()  # in place of what cannot be read
_logger = logging.getLogger(__name__)
_told: set[str] = set()  # members of models, of which there are some hundreds


class Decoder(Generic[T]):
    """Decodes JSON as a type made of this package's models. Thread-safe.

    A member that cannot be read, since it is of another type or no valid JSON, holds its default, which mostly is None;
    so does one that is null. A required member of a nested model is then None. An item of a list or a map that cannot
    be read is left out. The log names each such member once. A whole number may come as ``60.0`` or ``"60"``.

    needed: members of the outermost model that must be readable, beside the required ones.
    whole: definitions keep their unknown members, which takes longer.
    """

    def __init__(self, type: type[T], *, needed: frozenset[str] = frozenset(), whole: bool = True) -> None:
        self._type = type
        self._needed = needed
        self._whole = whole
        self._strict = msgspec.json.Decoder(type).decode
        item = get_args(type)[0] if get_origin(type) is list else type
        self._is_lenient = isinstance(item, msgspec.StructMeta)

    def decode(self, content: bytes | msgspec.Raw) -> T:
        """Raises msgspec.DecodeError: broken JSON, or (as msgspec.ValidationError) a value of another type; for models,
        no object, or one without a required or needed member.

        What is left raw may be odd inside, e.g. nested too deep or half a surrogate pair: it shows when it is read.
        """
        if self._whole and self._keeps_unknown:
            return self._lenient(bytes(content))
        try:
            return self._strict(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if self._is_lenient:
                return self._lenient(bytes(content))
            if isinstance(error, msgspec.ValidationError) or self._type not in (msgspec.Raw, list[msgspec.Raw]):
                raise msgspec.DecodeError(_NO_UTF8) if isinstance(error, UnicodeDecodeError) else error
            items = [msgspec.Raw(item) for item in parts(bytes(content))]
            return cast("T", msgspec.Raw(bytes(content)) if self._type is msgspec.Raw else items)

    def _lenient(self, content: bytes) -> T:
        reading = _Reading(self._whole)
        try:
            value = _read(_any_decoder, content)
        except (msgspec.DecodeError, RecursionError):
            reading.is_broken = True
            value = _pieces(content, self._shape, _SPLIT)
        read = reading.outermost(value, self._shape, self._needed)
        for member, place in reading.odd.items():
            _tell(member, place)
        return cast("T", read)

    @functools.cached_property
    def _shape(self) -> inspect.Type:
        return inspect.type_info(self._type)

    @functools.cached_property
    def _keeps_unknown(self) -> bool:
        return self._is_lenient and _holds_definitions(self._shape, set())


_any_decoder = msgspec.json.Decoder()


def _read(decoder: msgspec.json.Decoder[T], content: bytes | msgspec.Raw) -> T:
    try:
        return decoder.decode(content)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(_NO_UTF8) from error


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


def _pieces(content: bytes, shape: inspect.Type, levels: int) -> Any:
    """Plain values, and _ODD in place of each piece that cannot be read. Raises msgspec.DecodeError where that is all."""
    if content.lstrip()[:1] != (b"[" if isinstance(shape, inspect.ListType) else b"{"):
        raise msgspec.DecodeError("JSON that is broken, or of another kind")
    if isinstance(shape, inspect.ListType):
        return [_piece(item, shape.item_type, levels) for item in parts(content) if item.strip()]
    found: dict[str, Any] = {}
    for member in filter(None, map(_MEMBER.match, parts(content))):
        with contextlib.suppress(msgspec.DecodeError):  # of a name that cannot be read: nobody asks for its value
            name = _read(_text_decoder, member[1])
            known = _members(shape).get(name) if isinstance(shape, inspect.StructType) else None
            found[name] = _piece(member[2], known.shape if known else inspect.AnyType(), levels)
    return found


_text_decoder = msgspec.json.Decoder(str)


def _piece(content: bytes, shape: inspect.Type, levels: int) -> Any:
    try:
        return _read(_any_decoder, content)
    except (msgspec.DecodeError, RecursionError):
        item = shape.item_type if isinstance(shape, inspect.ListType) else shape
        if not levels or not isinstance(item, inspect.StructType):
            return _ODD
    try:
        return _pieces(content, shape, levels - 1)
    except msgspec.DecodeError:
        return _ODD


class _Member(NamedTuple):
    attribute: str
    shape: inspect.Type
    required: bool


_known: dict[type[msgspec.Struct], Mapping[str, _Member]] = {}


def _members(shape: inspect.StructType) -> Mapping[str, _Member]:
    """By name on the wire."""
    if shape.cls not in _known:
        _known[shape.cls] = {
            field.encode_name: _Member(field.name, _without_none(field.type), field.required)
            for field in shape.fields
            if field.name != "unknown_members"
        }
    return _known[shape.cls]


def _members_of(model: type[msgspec.Struct]) -> Mapping[str, _Member]:
    return _known.get(model) or _members(cast("inspect.StructType", inspect.type_info(model)))


def _without_none(shape: inspect.Type) -> inspect.Type:
    if isinstance(shape, inspect.UnionType):
        return next(each for each in shape.types if not isinstance(each, inspect.NoneType))
    return shape


class _Reading:
    """One answer, read member by member. odd: the members that could not be read, and where the first of each stood."""

    def __init__(self, keeps_unknown: bool) -> None:
        self._keeps_unknown = keeps_unknown
        self._depth = 0
        self._left_out = 0  # items of lists and maps, in the member that is being read
        self.is_broken = False
        """Whether there may be an _ODD inside of a value: then what is odd is not kept as it came."""
        self.odd: dict[str, str] = {}

    def outermost(self, value: Any, shape: inspect.Type, needed: frozenset[str]) -> Any:
        """Raises msgspec.ValidationError."""
        read = self.value(value, shape, "")
        if read is _ODD:
            raise msgspec.ValidationError(f"Expected an {'array' if isinstance(shape, inspect.ListType) else 'object'}")
        if isinstance(shape, inspect.StructType):
            _check(value, read, _members(shape), needed)
        if self._left_out:
            self.odd["an item of a list"] = "[]"
        return read

    def value(self, value: Any, shape: inspect.Type, place: str) -> Any:
        """_ODD if it cannot be read."""
        return _READ[type(shape)](self, value, shape, place)

    def model(self, value: Any, shape: inspect.StructType, place: str) -> Any:
        if not isinstance(value, dict) or self._depth == DEEPEST:
            return _ODD
        self._depth += 1
        members = _members(shape)
        read: dict[str, Any] = {member.attribute: None for member in members.values() if member.required}
        unknown: dict[str, Any] = {}
        for name, item in value.items():
            member = members.get(name)
            if member is None:
                if item is not _ODD:
                    unknown[name] = item
            elif item is not None and not self._member(read, member, item, f"{place}.{name}"):
                self._miss(shape, name, place)
                if not self.is_broken:
                    unknown[name] = item
        for name, member in members.items():
            if member.required and read[member.attribute] is None:
                self._miss(shape, name, place)
        if self._keeps_unknown and issubclass(shape.cls, Definition):
            read["unknown_members"] = unknown
        self._depth -= 1
        return shape.cls(**read)

    def _member(self, read: dict[str, Any], member: _Member, item: Any, place: str) -> bool:
        """Whether all of it could be read."""
        outside, self._left_out = self._left_out, 0
        found = self.value(item, member.shape, place)
        if found is not _ODD:
            read[member.attribute] = found
        is_complete = found is not _ODD and not self._left_out
        self._left_out = outside
        return is_complete

    def _miss(self, shape: inspect.StructType, name: str, place: str) -> None:
        self.odd.setdefault(f"{shape.cls.__name__}.{name}", f"{place}.{name}")

    def array(self, value: Any, shape: inspect.ListType, place: str) -> Any:
        if not isinstance(value, list):
            return _ODD
        items = [self.value(item, shape.item_type, f"{place}[]") for item in value if item is not None]
        read = [item for item in items if item is not _ODD]
        self._left_out += len(items) - len(read)
        return read

    def map(self, value: Any, shape: inspect.DictType, place: str) -> Any:
        if not isinstance(value, dict) or isinstance(shape.value_type, inspect.AnyType):
            return value if isinstance(value, dict) else _ODD
        items = [
            (key, self.value(item, shape.value_type, f"{place}.*")) for key, item in value.items() if item is not None
        ]
        read = {key: item for key, item in items if item is not _ODD}
        self._left_out += len(items) - len(read)
        return read


def _check(value: Mapping[str, Any], read: Any, members: Mapping[str, _Member], needed: frozenset[str]) -> None:
    """Raises msgspec.ValidationError: a required member is missing or odd, or a needed one is odd."""
    for name, member in members.items():
        item, found = value.get(name), getattr(read, member.attribute)
        if (member.required and found is None) or (name in needed and item is not None and found != item):
            raise msgspec.ValidationError(f"Object with a missing or odd member - at `$.{name}`")


def _integer(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() or isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    return value if type(value) is int and value in INT64 else _ODD


def _enum(value: Any, shape: inspect.EnumType) -> Any:
    try:
        return shape.cls(value)
    except ValueError:
        return _ODD


_READ: dict[type[inspect.Type], Callable[[_Reading, Any, Any, str], Any]] = {
    inspect.StructType: _Reading.model,
    inspect.ListType: _Reading.array,
    inspect.DictType: _Reading.map,
    inspect.EnumType: lambda _, value, shape, __: _enum(value, shape),
    inspect.IntType: lambda _, value, __, ___: _integer(value),
    inspect.FloatType: lambda _, value, __, ___: float(value) if type(value) in (int, float) else _ODD,
    inspect.StrType: lambda _, value, __, ___: value if isinstance(value, str) else _ODD,
    inspect.BoolType: lambda _, value, __, ___: value if isinstance(value, bool) else _ODD,
    inspect.AnyType: lambda _, value, __, ___: value,
}


def _holds_definitions(shape: inspect.Type, seen: set[type]) -> bool:
    leaf = _leaf(shape)
    if not isinstance(leaf, inspect.StructType) or leaf.cls in seen:
        return False
    seen.add(leaf.cls)
    members = _members(leaf).values()
    return issubclass(leaf.cls, Definition) or any(_holds_definitions(member.shape, seen) for member in members)


def _tell(member: str, place: str) -> None:
    if member not in _told:
        _told.add(member)
        with contextlib.suppress(Exception):  # of a handler: its own affair
            _logger.warning(
                "a server's answer has no %s that can be read, and is read without it (at %s; said once)",
                member,
                place.removeprefix("."),
            )


def encode(body: Any) -> bytes:
    """The JSON of a request's body."""
    return msgspec.json.encode(whole(body))


def whole(value: Any) -> Any:
    """The value with maps in place of those models that carry unknown members, in which these have their places."""
    if isinstance(value, list):
        items = [whole(item) for item in value]
        return items if any(map(operator.is_not, items, value)) else value
    if isinstance(value, dict):
        mapped = {key: whole(item) for key, item in value.items()}
        return mapped if any(map(operator.is_not, mapped.values(), value.values())) else value
    if not isinstance(value, Model):
        return value
    changed = {}
    for name, is_typed in _branches(type(value)).items():
        branch = getattr(value, name)
        if (is_typed or isinstance(branch, Model)) and (replaced := whole(branch)) is not branch:
            changed[name] = replaced
    unknown = value.unknown_members if isinstance(value, Definition) else {}
    return _with_unknown(value, changed, unknown) if changed or unknown else value


@functools.cache
def _branches(model: type[Model]) -> dict[str, bool]:
    """The attributes that may hold definitions, and whether that is by their type."""
    members = _members_of(model).values()
    typed = {member.attribute: True for member in members if _holds_definitions(member.shape, set())}
    return typed | {member.attribute: False for member in members if isinstance(member.shape, inspect.AnyType)}


def _leaf(shape: inspect.Type) -> inspect.Type:
    while isinstance(shape, inspect.ListType | inspect.DictType):
        shape = shape.item_type if isinstance(shape, inspect.ListType) else shape.value_type
    return shape


def _with_unknown(model: Model, changed: Mapping[str, Any], unknown: Mapping[str, Any]) -> dict[str, Any]:
    known = {}
    for field in msgspec.structs.fields(model):
        value = getattr(model, field.name)
        if field.name != "unknown_members" and (field.required or not is_default(field, value)):
            known[field.encode_name] = changed.get(field.name, value)
    return known | {name: raw for name, raw in unknown.items() if name not in known or _reads_as_is(model, name, raw)}


def _reads_as_is(model: Model, name: str, raw: Any) -> bool:
    """Whether the member still is what was read of the raw value."""
    member = _members_of(type(model))[name]
    read = _Reading(keeps_unknown=True).value(raw, member.shape, "")
    return bool(getattr(model, member.attribute) == (None if read is _ODD else read))
