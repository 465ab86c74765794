"""Converts the output of a worker function to JSON.

========================================================  ======================================================
value                                                     JSON
========================================================  ======================================================
mapping, dataclass, msgspec, attrs, pydantic, namedtuple  object of its fields (an inner namedtuple: array)
None                                                      the output ``{}``; inside another value ``null``
any other value                                           the output ``{"result": value}``
list, tuple, set, frozenset                               array
date, datetime, time, timedelta                           ISO 8601 text
UUID, Decimal (``NaN`` too), path                         text
pydantic's own: ``HttpUrl``, ``SecretStr``, …             text, as ``str()`` makes it: a secret is ``**********``
Enum                                                      its value
bytes                                                     base64 text
a subclass of text, bytes, number, date, time, Decimal    as its base class: no nanoseconds
what becomes text or a number, as a key                   text
========================================================  ======================================================

The fields of a pydantic model have their own names. They have their aliases with ``serialize_by_alias=True`` in the
model's configuration.

Refused, with the path of the value: NaN and infinity (also as keys), circular values, nesting over 1,000 levels in the
whole request (or over what Python's recursion limit leaves room for: some 940 by default), keys that collide as text,
None, bool, arrays and objects as keys, text that is not UTF-8, and every other type.

Fields that are left out: fields of a dataclass with a value in the class alone (``field(init=False, default=…)``), and
fields of an attrs class that begin with an underscore. Other attributes of an attrs object are included, unless its
class has slots.
"""

from __future__ import annotations

import dataclasses
import enum
import math
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from conductor_client.writing import whole

from conductor.errors import ConfigurationError

_DIGITS = 1_000  # of a number, the same parser's limit
_TOO_LONG = b"0" * (_DIGITS + 1)
_DIGITS_TO_0 = bytes.maketrans(b"123456789", b"0" * 9)
_LEVELS = 999  # the server's parser takes 1,000 (Jackson's StreamReadConstraints), and the result itself is the first
_ROOM = 50  # levels that the stack must hold besides: the result is encoded again where it is sent from
_PYDANTICS = re.compile(r"pydantic(\.v1)?\.(types|networks)|pydantic_core\._pydantic_core")  # its secrets and URLs


class UnsendableOutput(ConfigurationError):  # noqa: N818 - says what it is
    """JSON cannot hold a value. The text gives its path and the reason, not the value."""


def copied(data: Any) -> Any:
    """A copy of JSON values. No recursion, because an output may be nested as deeply as the stack allows."""
    top = [data]
    containers: list[Any] = [top]
    while containers:
        container = containers.pop()
        for key, value in container.items() if isinstance(container, dict) else enumerate(container):
            if isinstance(value, dict | list):
                container[key] = value.copy()
                containers.append(container[key])
    return top[0]


def output_data(value: Any, name: str = "") -> tuple[dict[str, Any], int]:
    """The output as a copy in plain JSON values, and its size in bytes of JSON.

    UnsendableOutput if the table above does not cover the value. Paths in its text begin with ``name``.
    """
    if value is None:
        return {}, 2
    if isinstance(value, tuple) and type(value) is not tuple:
        value = getattr(value, "_asdict", lambda: value)()
    try:
        encoded = _encoder.encode(value)
        if b'"unknownMembers":' in encoded:  # members of a definition, which is written as it is sent to servers
            encoded = _encoder.encode(whole(value))
        if encoded[:1] != b"{":
            encoded = b'{"result":%b}' % encoded
        data: dict[str, Any] = _decoder.decode(encoded)
        containers = encoded.count(b"[") + encoded.count(b"{")  # at least as many as there are levels
        if containers > _LEVELS - 3 * _ROOM:
            _encoder.encode(_within_lists(data, _ROOM))
    except RecursionError as error:  # Python 3.11 counts such levels, and its own limit is 1,000, too
        problem = _find_problem(value, name) or _find_problem(value, name, _LEVELS - 3 * _ROOM)
        problem = problem or f"{name or 'output'}: nested too deep for what is left of the stack"
        raise UnsendableOutput(problem) from error
    except BaseException as error:
        problem = _find_problem(value, name) or f"{name or 'output'}: {type(error).__name__} while it was read"
        raise UnsendableOutput(problem) from error
    if (containers > _LEVELS or _looks_wrong(encoded, data)) and (problem := _find_problem(value, name)):
        raise UnsendableOutput(problem)
    return data, len(encoded)


def _looks_wrong(encoded: bytes, data: dict[str, Any]) -> bool:
    """Whether the value must be searched for problems. Each check is cheap, and rarely true for a good output."""
    return (
        b"null" in encoded  # msgspec writes NaN and infinity so
        or (len(encoded) > _DIGITS and _TOO_LONG in encoded.translate(_DIGITS_TO_0))  # also in a text
        or b'nan":' in encoded  # and these are NaN and infinity as keys
        or b'inf":' in encoded
        or len(_encoder.encode(data)) != len(encoded)  # a key that stood twice in one object
    )


def _within_lists(value: Any, levels: int) -> Any:
    for _ in range(levels):
        value = [value]
    return value


def _plain(value: Any) -> Any:
    """Convert a value to a type that msgspec knows."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, bool):  # as a key: JSON would say "true", msgspec "1"
        raise TypeError("a bool is no key")
    for kind, exact in _EXACT:  # subclasses, as numpy.float64 is one
        if isinstance(value, kind):
            return exact(kind(value))  # the value's own __str__ may return an instance of the subclass again
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if (dump := _model_dump(value)) is not None:
        return dump()
    for base in type(value).__mro__:
        if base.__module__ in ("datetime", "decimal") and str(value) != "NaT":  # pandas' NaT is a datetime, of year 1
            return _as_base(base, value)
        if _PYDANTICS.fullmatch(base.__module__) and not isinstance(value, BaseException):
            return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


_EXACT: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
    (bytes, bytes.__bytes__),
)
"""The function with which each type makes an instance of itself, and of no subclass."""


def _as_base(base: Any, value: Any) -> Any:
    """Make an instance of a base class from the arguments with which that class pickles the value.

    The base is one of the value's own, and not named in this file: libraries that freeze the time replace
    ``datetime.datetime``. The subclass may pickle in its own way, so its methods are not called.
    """
    if "__reduce_ex__" in vars(base):  # its plain __reduce__ does not tell the two turns of an hour apart
        return base(*base.__reduce_ex__(value, 4)[1])
    return base(*base.__reduce__(value)[1])


def _model_dump(value: Any) -> Any:
    """The method that gives a pydantic model's fields; None for any other value."""
    for name in ("pydantic", "pydantic.v1"):
        library = sys.modules.get(name)  # a value can only be a model where its library is loaded
        if library is not None and isinstance(value, library.BaseModel):
            return getattr(value, "model_dump", None) or value.dict
    return None


_encoder = msgspec.json.Encoder(enc_hook=_plain)
_decoder = msgspec.json.Decoder()


@dataclasses.dataclass(frozen=True, slots=True)
class _Place:
    value: Any
    step: str
    parent: _Place | None
    depth: int

    def path(self) -> str:
        return "".join(place.step for place in reversed(self._way_up())).removeprefix(".") or "output"

    def first_repeat(self) -> _Place | None:
        """The outermost place on the path to this one with a value that occurs on the path twice."""
        seen: set[int] = set()
        for place in reversed(self._way_up()):
            if id(place.value) in seen:
                return place
            seen.add(id(place.value))
        return None

    def _way_up(self) -> list[_Place]:
        way = [self]
        while way[-1].parent is not None:
            way.append(way[-1].parent)
        return way


def _find_problem(root: Any, name: str, levels: int = _LEVELS) -> str | None:
    """Path and reason of the first value that JSON cannot hold, depth first; None when there is none."""
    places = [_Place(root, name, None, 1)]
    while places:
        place = places.pop()
        try:
            while isinstance(place.value, enum.Enum):
                place = dataclasses.replace(place, value=place.value._value_)
            children = _children(place.value)
            if children is not None and place.depth > levels:
                repeat = place.first_repeat()
                if repeat is not None:
                    return f"{repeat.path()}: circular"
                return f"{place.path()[:200]}: nested over {levels + 1} levels"
            if children is None:
                _encoder.encode(place.value)
        except BaseException as error:  # noqa: BLE001 - the value's own code may raise any error
            return f"{place.path()}: {_reason(error, place.value)}"
        if isinstance(place.value, float) and not math.isfinite(place.value):
            return f"{place.path()}: NaN and infinity have no JSON form"
        if isinstance(place.value, int) and abs(place.value) >= 10**_DIGITS:
            return f"{place.path()}: a number of over {_DIGITS} digits"
        places += [_Place(child, step, place, place.depth + 1) for step, child in reversed(children or [])]
    return None


def _reason(error: BaseException, value: Any) -> str:
    if isinstance(error, UnicodeError):
        return "text that is not valid Unicode"
    if isinstance(error, _KeyProblem):
        return str(error)
    return f"{type(value).__name__} has no JSON form"


class _KeyProblem(ValueError):  # noqa: N818 - internal
    pass


def _children(value: Any) -> list[tuple[str, Any]] | None:
    """The values inside a container with their path steps; None for a value that is not one."""
    if isinstance(value, Mapping):
        return [(f".{key}", child) for key, child in _text_keys(value)]
    if isinstance(value, list | tuple | set | frozenset):
        return [(f"[{index}]", child) for index, child in enumerate(value)]
    if isinstance(value, msgspec.Struct):
        return [(f".{name}", child) for name, child in msgspec.structs.asdict(value).items()]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(f".{field.name}", getattr(value, field.name)) for field in dataclasses.fields(value)]
    attributes = getattr(type(value), "__attrs_attrs__", None)  # attrs' own mark of its classes
    if attributes is not None:
        return [(f".{attribute.name}", getattr(value, attribute.name)) for attribute in attributes]
    dump = _model_dump(value)
    return None if dump is None else _children(dump())


def _text_keys(mapping: Mapping[Any, Any]) -> Iterable[tuple[str, Any]]:
    seen: set[str] = set()
    for key, child in mapping.items():
        try:
            ((text, _),) = _decoder.decode(_encoder.encode({key: 0})).items()
        except TypeError as error:
            raise _KeyProblem(f"a key of type {type(key).__name__} has no JSON form") from error
        if isinstance(key, float) and not math.isfinite(key):
            raise _KeyProblem("a key that is NaN or infinite has no JSON form")
        if text in seen:
            raise _KeyProblem(f"two keys that are {text!r} as text")
        seen.add(text)
        yield text, child
