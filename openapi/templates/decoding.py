"""How JSON is read: strictly where that works, or else leniently."""

import contextlib
import functools
import logging
import re
from typing import Any, Generic, TypeVar, cast, get_args, get_origin

import msgspec
from msgspec import inspect

from .lenient import ODD, Reading
from .shapes import holds_definitions, members

T = TypeVar("T")

_SPLIT = 4
"""So many levels of broken JSON are read piece by piece: an answer, its tasks, their members, and those of a model."""

# A text may lack its end, and nothing is given back (++, *+): what is broken is read once, and takes no memory.
_MARKS = re.compile(rb'(?s)"(?:[^"\\]++|\\.)*+"?|[\[\]{},]')
_MEMBER = re.compile(rb'(?s)\s*("(?:[^"\\]++|\\.)*+")\s*:(.*)')
_NO_UTF8 = "text that is not UTF-8"
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

    def __init__(self, kind: type[T], *, needed: frozenset[str] = frozenset(), whole: bool = True) -> None:
        self._type = kind
        self._needed = needed
        self._whole = whole
        self._strict = msgspec.json.Decoder(kind).decode
        held: Any = kind
        while get_origin(held) in (list, dict):
            held = get_args(held)[-1]
        self._is_lenient = isinstance(held, msgspec.StructMeta)

    def decode(self, content: bytes | msgspec.Raw) -> T:
        """Raises msgspec.DecodeError: broken JSON, or (as msgspec.ValidationError) a value of another type; for models,
        no object, or one without a required or needed member.

        What is left raw may be odd inside, e.g. nested too deep or half a surrogate pair: it shows when it is read.
        """
        if self._whole and self._keeps_unknown:
            return self._lenient(bytes(content))
        if self._type is msgspec.Raw:
            return cast("T", msgspec.Raw(content))
        try:
            return self._strict(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if self._is_lenient:
                return self._lenient(bytes(content))
            if isinstance(error, msgspec.ValidationError) or self._type != list[msgspec.Raw]:
                if isinstance(error, UnicodeDecodeError):
                    raise msgspec.DecodeError(_NO_UTF8) from error
                raise
            return cast("T", [msgspec.Raw(item) for item in parts(bytes(content))])

    def _lenient(self, content: bytes) -> T:
        reading = Reading(self._whole)
        try:
            value = _read(_any_decoder, content)
        except (msgspec.DecodeError, RecursionError) as error:
            reading.is_broken = True
            try:
                value = _pieces(content, self._shape, _SPLIT)
            except msgspec.DecodeError:
                raise msgspec.DecodeError(str(error)) from error  # it says what is broken, and where
        read = reading.outermost(value, self._shape, self._needed)
        for member, place in reading.odd.items():
            _tell(member, place)
        return cast("T", read)

    @functools.cached_property
    def _shape(self) -> inspect.Type:
        return inspect.type_info(self._type)

    @functools.cached_property
    def _keeps_unknown(self) -> bool:
        return self._is_lenient and holds_definitions(self._shape, set())


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
    """Plain values, and ODD in place of each piece that cannot be read; msgspec.DecodeError where that is all."""
    if content.lstrip()[:1] != (b"[" if isinstance(shape, inspect.ListType) else b"{"):
        raise msgspec.DecodeError("JSON that is broken, or of another kind")
    if isinstance(shape, inspect.ListType):
        return [_piece(item, shape.item_type, levels) for item in parts(content) if item.strip()]
    found: dict[str, Any] = {}
    for member in filter(None, map(_MEMBER.match, parts(content))):
        with contextlib.suppress(msgspec.DecodeError):  # of a name that cannot be read: nobody asks for its value
            name = _read(_text_decoder, member[1])
            found[name] = _piece(member[2], _shape_of(name, shape), levels)
    return found


def _shape_of(name: str, shape: inspect.Type) -> inspect.Type:
    """That of an object's member."""
    if isinstance(shape, inspect.DictType):
        return shape.value_type
    known = members(shape).get(name) if isinstance(shape, inspect.StructType) else None
    return known.shape if known else inspect.AnyType()


_text_decoder = msgspec.json.Decoder(str)


def _piece(content: bytes, shape: inspect.Type, levels: int) -> Any:
    try:
        return _read(_any_decoder, content)
    except (msgspec.DecodeError, RecursionError):
        item = shape.item_type if isinstance(shape, inspect.ListType) else shape
        if not levels or not isinstance(item, inspect.StructType):
            return ODD
    try:
        return _pieces(content, shape, levels - 1)
    except msgspec.DecodeError:
        return ODD


def _tell(member: str, place: str) -> None:
    if member not in _told:
        _told.add(member)
        with contextlib.suppress(Exception):  # of a handler: its own affair
            _logger.warning(
                "a server's answer has no %s that can be read, and is read without it (at %s; said once)",
                member,
                place.removeprefix("."),
            )
