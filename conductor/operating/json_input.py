"""JSON objects that a command line gives: as a text, in a file, or on standard input."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from conductor.definitions import value_of
from conductor.errors import ConfigurationError

STDIN = "-"
_TEXT = "the text"
_NAMES = {list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}


def json_object(given: str, stdin: Callable[[], BinaryIO]) -> dict[str, Any]:
    """The object. ConfigurationError says where the JSON is wrong, or why a file cannot be read.

    given: JSON, ``@`` and the path of a file, or ``-`` for standard input. stdin: called for ``-`` alone.
    """
    content, place = _content(given, stdin)
    try:
        value = msgspec.json.decode(content)
        value_of(content.decode())  # refuses a key that stands twice, of which msgspec takes the last
    except RecursionError:
        raise ConfigurationError(f"{place} is nested too deep") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        example = """. An example: '{"amount": 5}'""" if place == _TEXT else ""
        raise ConfigurationError(f"{place} is no JSON: {error}{example}") from None
    except ConfigurationError as error:
        raise ConfigurationError(f"{place}: {error}") from None
    if not isinstance(value, dict):
        name = _NAMES.get(type(value), "null")
        raise ConfigurationError(f'{place} must be a JSON object, such as {{"amount": 5}}, not {name}')
    return value


def _content(given: str, stdin: Callable[[], BinaryIO]) -> tuple[bytes, str]:
    """The bytes, and their place for errors."""
    if given == STDIN:
        return stdin().read(), "standard input"
    if not given.startswith("@"):
        return os.fsencode(given), _TEXT
    try:
        return Path(given[1:]).read_bytes(), f"file {given[1:]!r}"
    except (OSError, ValueError) as error:  # ValueError: a null character
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(f"file {given[1:]!r} cannot be read: {reason}") from None
