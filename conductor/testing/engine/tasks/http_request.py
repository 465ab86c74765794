"""The request that the input of an HTTP task describes, as the server reads it (3.32.3)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from conductor.testing.expressions import as_text

JSON = "application/json"
DEFAULT_TIMEOUT = 3.0
"""Seconds for the connection, and for each wait for more of the answer, if the input does not say it."""
UNSET_CONNECTION_TIMEOUT, UNSET_READ_TIMEOUT = 0.1, 0.15
"""Seconds if the input says null."""
_NO_HEADERS = (
    'java.lang.NullPointerException: Cannot invoke "java.util.Map.forEach(java.util.function.BiConsumer)" because'
    ' "input.headers" is null'
)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})
_UNRESERVED = "-._~"
_IN_PATH = f"{_UNRESERVED}!$&'()*+,;=:@/"
_IN_QUERY = f"{_UNRESERVED}!$'()*+,;:@/?"
_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.DOTALL)
_VARIABLE = re.compile(r"\{([^{}/]+)\}")
_PARAMETER = re.compile(r"([^&=]+)(=?)([^&]+)?")
_OTHER_CONVERTERS = re.compile(r"[/+]((x-)?(jackson-)?(xml|smile|cbor|yaml))\b", re.IGNORECASE)
"""Types in which the real server writes values."""
_MEDIA_TYPE = re.compile(r"\s*[^\s/;,]+/[^\s/;,]+\s*(;.*)?")


class RequestError(ValueError):
    """The request cannot be made. The text is that of the server's exception, with its class."""


class MissingError(ValueError):
    """The input says not what to send. The text is the reason of the server."""


@dataclass(frozen=True)
class HttpRequest:
    """A request of an HTTP task. Timeouts are in seconds; None waits without end."""

    method: str
    uri: str
    headers: Mapping[str, Any] | None = field(default_factory=dict)
    body: Any = None
    accept: tuple[str, ...] = (JSON,)
    content_type: str | None = JSON
    connection_timeout: float | None = DEFAULT_TIMEOUT
    read_timeout: float | None = DEFAULT_TIMEOUT


def read_request(given: Any) -> HttpRequest:
    """The request that the input of a task describes. Members with other names mean nothing to the server.

    MissingError: there is no address or no method. RequestError: a timeout is negative. TypeError: a member has a type
    that the server cannot read.
    """
    if not isinstance(given, Mapping):
        raise TypeError("the request must be an object")
    uri, method = _text(given, "uri"), _text(given, "method")
    if uri is None:
        raise MissingError("Missing HTTP URI.  See documentation for HttpTask for required input parameters")
    if method is None:
        raise MissingError("No HTTP method specified")
    headers = given.get("headers", {})
    if not isinstance(headers, Mapping | None):
        raise TypeError("headers must be an object")
    return HttpRequest(
        method,
        uri,
        headers,
        given.get("body"),
        _accepted(given.get("accept")),
        _text(given, "contentType", JSON),
        _timeout(given, "connectionTimeOut", UNSET_CONNECTION_TIMEOUT),
        _timeout(given, "readTimeOut", UNSET_READ_TIMEOUT),
    )


def _text(given: Mapping[str, Any], member: str, default: str | None = None) -> str | None:
    value = given.get(member, default)
    if isinstance(value, dict | list):
        raise TypeError(f"{member} must be a text")
    return None if value is None else as_text(value)


def _accepted(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(map(as_text, value)) if isinstance(value, list) else (JSON,)


def _timeout(given: Mapping[str, Any], member: str, unset: float) -> float | None:
    value = given.get(member, int(1000 * DEFAULT_TIMEOUT))
    if value is None or value == "":
        return unset
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(f"{member} must be a number of milliseconds")
    try:
        milliseconds = int(value)
    except ValueError:
        raise TypeError(f"{member} must be a number of milliseconds, not {value!r}") from None
    if milliseconds < 0:
        raise RequestError("java.lang.IllegalArgumentException: Timeout must be a non-negative value")
    return milliseconds / 1000 or None


def encoded_uri(text: str) -> str:
    """The address with the characters encoded that it may not have; ``%`` is such a one. RequestError."""
    variable = _VARIABLE.search(text)
    if variable is not None:
        raise RequestError(
            f"java.lang.IllegalArgumentException: Not enough variable values available to expand '{variable[1]}'"
        )
    parts = _URI.fullmatch(text)
    scheme, authority, path, query = parts.groups() if parts else (None, None, text, None)
    path = quote(re.sub("/{2,}", "/", path), _IN_PATH)
    if scheme is None:
        path = path if path.startswith("/") or not path else f"/{path}"
    encoded = path if scheme is None else f"{scheme}://{authority}{path}"
    try:
        _ = urlsplit(encoded).port
    except ValueError as error:
        raise RequestError(f"java.lang.IllegalArgumentException: {error}") from None
    return encoded if query is None else f"{encoded}?{_encoded_query(query)}"


def _encoded_query(query: str) -> str:
    found = _PARAMETER.findall(query)
    return "&".join(f"{quote(name, _IN_QUERY)}{equals}{quote(value, _IN_QUERY)}" for name, equals, value in found)


def sent_headers(request: HttpRequest) -> list[tuple[str, str]]:
    """The headers of the request besides those of the connection. One that the input names too is sent twice.

    RequestError.
    """
    for media_type in (request.content_type, *request.accept):
        _check_media_type(media_type)
    if request.headers is None:
        raise RequestError(_NO_HEADERS)
    if request.method not in METHODS:
        raise RequestError(f"java.lang.IllegalArgumentException: Invalid HTTP method: {request.method}")
    given = [(name, as_text(value)) for name, value in request.headers.items() if value is not None]
    return [("Accept", ", ".join(request.accept)), ("Content-Type", str(request.content_type)), *given]


def _check_media_type(text: str | None) -> None:
    if text is not None and _MEDIA_TYPE.fullmatch(text):
        return
    reason = "does not contain '/'" if text else "'mimeType' must not be empty"
    name = "null" if text is None else text
    raise RequestError(f'org.springframework.http.InvalidMediaTypeException: Invalid mime type "{name}": {reason}')


def sent_body(request: HttpRequest) -> bytes | None:
    """The body as the server writes it: texts as they are, other values as JSON. RequestError."""
    if request.body is None:
        return None
    kind = request.content_type or ""
    if isinstance(request.body, str):
        return request.body.encode(charset_of(kind), "replace")
    if _OTHER_CONVERTERS.search(kind):
        raise RequestError(f"the embedded server does not write bodies as {kind}")
    if not is_json(kind):
        raise RequestError(
            f'java.lang.Exception: No HttpMessageConverter for {_java_class(request.body)} and content type "{kind}"'
        )
    return json.dumps(request.body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _java_class(value: Any) -> str:
    names = {dict: "util.LinkedHashMap", list: "util.ArrayList", bool: "lang.Boolean", float: "lang.Double"}
    return f"java.{names.get(type(value), 'lang.Integer')}"


def is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == JSON or kind.endswith("+json")


def charset_of(content_type: str) -> str:
    """The character set of a text of the type: UTF-8 for JSON, Latin 1 for others, if they name none."""
    named = re.search(r';\s*charset\s*=\s*"?([\w.:-]+)', content_type, re.IGNORECASE)
    if named is not None:
        return named[1]
    return "utf-8" if is_json(content_type) else "latin-1"
