"""One request, one answer, over a urllib3 pool that somebody else owns."""

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec
import urllib3

from .decoding import Decoder
from .errors import NoAnswer, TooLarge, UndecodableResponse, UnexpectedStatus

T = TypeVar("T")

LARGEST_BODY = 32 * 2**20
"""Bytes, after decompression: a body must be smaller."""

_PIECE = 2**16
_TOO_LARGE = f"a body of {LARGEST_BODY // 2**20} MiB or more"


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


class Client:
    """Where, through which pool, with which headers and for how long: a value that is cheap to make. Thread-safe.

    base_url: without a slash at the end. timeout: urllib3's, or seconds for connecting and for reading.
    observe: called after each exchange with method, path template, status (0: no answer) and seconds.
    """

    __slots__ = ("_base_url", "_headers", "_observe", "_pool", "_timeout")

    def __init__(
        self,
        base_url: str,
        pool: urllib3.PoolManager,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: urllib3.Timeout | float = 30.0,
        observe: Callable[[str, str, int, float], None] | None = None,
    ) -> None:
        self._base_url = base_url
        self._pool = pool
        self._headers = {"Accept": "application/json, text/plain", **(headers or {})}
        self._timeout = timeout
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
        url = self._base_url + path
        if query:
            url += _query_string(query)
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        started = time.perf_counter()
        status = 0
        try:
            answer = self._pool.request(
                method,
                url,
                body=body,
                headers=headers,
                timeout=self._timeout,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            content, flaw = _read(answer)
            status = answer.status
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:  # a chunk of -1 bytes is a ValueError
            raise NoAnswer(method, template, path) from error
        finally:
            if self._observe is not None:
                self._observe(method, template, status, time.perf_counter() - started)
        if not 200 <= status < 300:
            raise UnexpectedStatus(method, template, path, status, answer.headers, b"" if flaw else content)
        # The type alone means little: some servers give it to all that they answer.
        is_html = answer.headers.get("Content-Type", "").lower().startswith("text/html")
        if is_html and content.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
            flaw = "an HTML page"
        if flaw == _TOO_LARGE:
            raise TooLarge(method, template, path, status, flaw, content)
        if flaw:
            raise UndecodableResponse(method, template, path, status, flaw)
        return Response(method, template, path, status, content)


def _read(answer: urllib3.BaseHTTPResponse) -> tuple[bytes, str]:
    """The body; or nothing, of a large one its beginning, and what is wrong with it.

    The connection goes back to its pool, closed if not all was read.
    """
    pieces: list[bytes] = []
    encoding = answer.headers.get("Content-Encoding", "")
    try:
        if "," in encoding:  # what comes between the steps has no limit
            return b"", "a body that is encoded more than once"
        while len(pieces) < LARGEST_BODY // _PIECE:
            pieces.append(answer.read(_PIECE, decode_content=bool(encoding)))
            if len(pieces[-1]) < _PIECE and not answer.length_remaining:
                return b"".join(pieces), ""
    except urllib3.exceptions.DecodeError:
        return b"", "a body that cannot be decompressed"
    finally:
        answer.close()
        answer.release_conn()
    return pieces[0], _TOO_LARGE


def segment(value: object) -> str:
    """A value as one segment of a path, also where it is ``.`` or ``..``, which would lead to another path."""
    quoted = quote(str(value), safe="")
    return quoted.replace(".", "%2E") if quoted in (".", "..") else quoted


def _query_string(query: Mapping[str, Any]) -> str:
    """Parameters that are None are left out, lists repeat their name."""
    pairs = [
        (name, str(item).lower() if isinstance(item, bool) else item)
        for name, value in query.items()
        if value is not None
        for item in (value if isinstance(value, list) else [value])
    ]
    return "?" + urlencode(pairs) if pairs else ""
