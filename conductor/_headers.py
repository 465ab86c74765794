"""The headers that a program adds to requests: their names and values are checked before they are sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from conductor._arguments import exact_str, is_async
from conductor._redaction import Secret
from conductor.errors import ConfigurationError

Headers = Mapping[str, str]

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2: token
_OUR_HEADERS = {
    name.lower(): name
    for name in ("Accept", "Accept-Encoding", "Content-Type", "Host", "User-Agent", "X-Authorization")
}
"""Headers of this package, by name in lower case. A user's header of such a name replaces it."""
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def checked_headers_or_function(headers: Headers | Callable[[], Headers]) -> dict[str, str] | Callable[[], Headers]:
    """A checked copy of a mapping, or the function. ConfigurationError names the header, never its value."""
    if isinstance(headers, Mapping) or not callable(headers):
        return checked_headers(headers)
    if is_async(headers):
        raise ConfigurationError("headers must be a mapping or a plain function, not an async one")
    return headers


def checked_headers(headers: Headers) -> dict[str, str]:
    """A checked copy. An error names the header, never its value."""
    if not isinstance(headers, Mapping):
        raise ConfigurationError(f"headers must be a mapping, not {type(headers).__name__}")
    for name, value in headers.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise ConfigurationError(f"headers: {name!r} is not a header name")
        if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
            raise ConfigurationError(f"headers: the value of {name} is not a string of Latin-1 text on one line")
    return {
        _OUR_HEADERS.get(name.lower(), exact_str(name)): Secret(exact_str(value)) for name, value in headers.items()
    }
