"""One request, one answer, over an exchange that somebody else owns."""

import re
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from .decoding import Decoder
from .errors import (
    ExchangeError,
    NoAnswer,
    TooLarge,
    UndecodableResponse,
    UnexpectedStatus,
)

T = TypeVar("T")

_UNRESERVED = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9_.~-]*")
"""What a URL takes as it is, which most values are; one that begins with a dot may lead to another path."""


class Response:
    """An answer with a success status. method and template name the operation that it answers, path its place."""

    __slots__ = ("content", "method", "path", "status", "template")

    def __init__(self, method: str, template: str, path: str, status: int, content: bytes) -> None:
        self.method = method
        self.template = template
        self.path = path
        self.status = status
        self.content = content

    def decode(self, decoder: Decoder[T]) -> T:
        """The body read by the decoder; UndecodableResponse when it is something else."""
        if not self.content:
            raise self._flaw("no body")
        try:
            return decoder.decode(self.content)
        except (msgspec.DecodeError, RecursionError) as error:
            raise self._flaw(str(error)) from error

    def text(self) -> str:
        """The body as UTF-8 text; UndecodableResponse when it is not."""
        try:
            return self.content.decode()
        except UnicodeDecodeError as error:
            raise self._flaw("text that is not UTF-8") from error

    def _flaw(self, reason: str) -> UndecodableResponse:
        return UndecodableResponse(self.method, self.template, self.path, self.status, reason)


class Answer(NamedTuple):
    """An answer as it came. headers: by name in lower case. flaw: why the body could not be read; empty if it was.

    is_too_large: the flaw is the size of the body. content then holds its beginning.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    flaw: str = ""
    is_too_large: bool = False


class Exchange(Protocol):
    """Sends one request and waits for its whole answer. It knows the server, the headers and the time limits."""

    def __call__(self, method: str, target: str, body: bytes | None, /) -> Answer:
        """target: path and query, behind the base URL. A body is JSON, or text.

        Raises ExchangeError or OSError.
        """
        ...


class Client:
    """The way to one server: a value that is cheap to make. As thread-safe as its exchange.

    observe: called after each exchange with method, path template, status (0: no answer) and seconds.
    """

    __slots__ = ("_exchange", "_observe")

    def __init__(self, exchange: Exchange, observe: Callable[[str, str, int, float], None] | None = None) -> None:
        self._exchange = exchange
        self._observe = observe

    def request(
        self,
        method: str,
        template: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: bytes | None = None,
    ) -> Response:
        """Send one request. Raises NoAnswer, UnexpectedStatus (not 2xx) or UndecodableResponse (an HTML page, too large).

        Never sent twice and never redirected: a poll is not idempotent, and a redirect would carry the headers away.
        """
        started = time.perf_counter()
        status = 0
        try:
            answer = self._exchange(method, path + _query_string(query) if query else path, body)
            status = answer.status
        except (ExchangeError, OSError) as error:
            raise NoAnswer(method, template, path) from error
        finally:
            if self._observe is not None:
                self._observe(method, template, status, time.perf_counter() - started)
        content, flaw = answer.content, answer.flaw
        if not 200 <= status < 300:
            raise UnexpectedStatus(method, template, path, status, answer.headers, b"" if flaw else content)
        if answer.is_too_large:
            raise TooLarge(method, template, path, status, flaw, content)
        # The type alone means little: some servers give it to all that they answer.
        is_html = answer.headers.get("content-type", "").lower().startswith("text/html")
        if is_html and content.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
            flaw = "an HTML page"
        if flaw:
            raise UndecodableResponse(method, template, path, status, flaw)
        return Response(method, template, path, status, content)


def segment(value: object) -> str:
    """A value as one segment of a path, also where it is ``.`` or ``..``, which would lead to another path."""
    text = str(value)
    if _UNRESERVED.fullmatch(text):
        return text
    quoted = quote(text, safe="")
    return quoted.replace(".", "%2E") if quoted in (".", "..") else quoted


def _query_string(query: Mapping[str, Any]) -> str:
    """Parameters that are None are left out, lists repeat their name."""
    pairs = [
        (name, str(item).lower() if isinstance(item, bool) else str(item))
        for name, value in query.items()
        if value is not None
        for item in (value if isinstance(value, list) else [value])
    ]
    if all(_UNRESERVED.fullmatch(text) for _, text in pairs):
        return "?" + "&".join([f"{name}={text}" for name, text in pairs]) if pairs else ""
    return "?" + urlencode(pairs)
