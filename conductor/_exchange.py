"""One HTTP/1.1 exchange on an open connection: sends the request and reads the whole answer.

It exists because ``http.client`` and ``email.parser`` need several times the CPU time of the rest of a call.
"""

from __future__ import annotations

import socket
import ssl
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import httptools
from conductor_client.client import Answer
from conductor_client.errors import ExchangeError
from urllib3.util import wait_for_read
from urllib3.util.ssltransport import SSLTransport

from conductor._sockets import has_options, is_quiet, set_limit

LONGEST_HEAD = 2**17
"""Bytes of an answer before its body, interim answers included."""
LARGEST_BODY = 32 * 2**20
"""Bytes after decompression. A body must be smaller."""
BEGINNING = 2**16
"""Bytes of a larger body that are kept."""

_PIECE = 2**16
_NOTHING_CAME = "the connection was closed before an answer came"
_READ = ("content-encoding", "content-length", "content-type", "date", "location", "retry-after", "transfer-encoding")
_NAMES = {name.encode(): name for name in _READ}
"""The headers of an answer that are read here, in the generated client, or for its errors. No others are kept."""


class NoAnswerInTimeError(ExchangeError):
    """The request was not sent, or the answer not complete, within the timeout."""


class KeptConnectionClosedError(ExchangeError):
    """The server has closed a connection that was used before, without an answer to this request."""


class Connection:
    """An open connection, for one request at a time.

    most: bytes of a body after decompression; a body that is announced to be longer is not read. None: LARGEST_BODY,
    and of a larger body the beginning is kept. can_be_kept: whether the connection may serve another request.
    """

    def __init__(self, opened: socket.socket | SSLTransport, most: int | None = None) -> None:
        self.socket: Any = opened  # either has the same methods
        self._timeout: float | None = None  # the socket's
        self._has_options = has_options(opened)
        self._is_used = False
        self._read = 0  # bytes
        self._answer = _IncomingAnswer(most)
        self.can_be_kept = True

    def is_readable(self) -> bool:
        """Whether the server has closed the connection, or has sent data without a request."""
        if self._has_options and is_quiet(self.socket, self._read):
            return False
        is_waiting = isinstance(self.socket, SSLTransport) and self.socket.incoming.pending > 0  # it reads ahead
        return is_waiting or wait_for_read(self.socket, timeout=0)

    def close(self) -> None:
        self.socket.close()
        self._answer.begin()  # it is in a cycle with its parser: its body would stay in memory until a collection

    def open_tunnel(self, request: bytes, timeout: float) -> int:
        """Send a CONNECT; returns the status of its answer, which has no body if it is a success."""
        self._answer.begin(ends_with_head=True)
        self._send(request, timeout)
        self._receive(self._answer, time.monotonic() + timeout)
        return self._answer.read().status

    def exchange(self, request: bytes, timeout: float) -> Answer:
        answer = self._answer
        answer.begin()
        is_sent = False
        try:
            # A server that does not want to read all of it may have answered.
            with suppress(ConnectionError, ssl.SSLEOFError):
                self._send(request, timeout)
                is_sent = True
            self._receive(answer, time.monotonic() + timeout)
        except (TimeoutError, BlockingIOError):
            raise NoAnswerInTimeError from None
        except ConnectionError:
            if self._is_used and not answer.received:
                raise KeptConnectionClosedError(_NOTHING_CAME) from None
            raise
        self._is_used = True
        self.can_be_kept = is_sent and answer.keeps_connection
        return answer.read()

    def _send(self, request: bytes, timeout: float) -> None:
        deadline = time.monotonic() + timeout  # before the first send, which may block as long
        self.limit(timeout)
        left = memoryview(request)
        while left := left[self.socket.send(left) :]:
            self.limit(deadline - time.monotonic())
        self.limit(timeout)

    def _receive(self, answer: _IncomingAnswer, deadline: float) -> None:
        while not answer.is_complete:
            if answer.received:
                self.limit(deadline - time.monotonic())
            data = self.socket.recv(_PIECE)
            self._read += len(data)
            if data:
                answer.take(data)
            elif self._is_used and not answer.received:
                raise KeptConnectionClosedError(_NOTHING_CAME)
            else:
                answer.end()

    def limit(self, seconds: float) -> None:
        """Let the next operation take so long at most."""
        if seconds <= 0:
            raise NoAnswerInTimeError
        if seconds != self._timeout or isinstance(self.socket, SSLTransport):  # whose timeout is a deadline
            if self._has_options:
                set_limit(self.socket, seconds)
            else:
                self.socket.settimeout(seconds)
            self._timeout = seconds


class _IncomingAnswer:
    """Collects the answer to one request after another. httptools calls the ``on_…`` methods."""

    def __init__(self, most: int | None) -> None:
        self._too_large = LARGEST_BODY if most is None else most + 1
        self._keeps_beginning = most is None
        self._parser = httptools.HttpResponseParser(self)
        # Some servers send lines of the head that end without CR, headers that go on in the next line, a length beside
        # chunks, or a chunk's length that ends with spaces.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True,
            lenient_optional_cr_before_lf=True,
            lenient_chunked_length=True,
            lenient_spaces_after_chunk_size=True,
        )
        self.begin()

    def begin(self, *, ends_with_head: bool = False) -> None:
        self._ends_with_head = ends_with_head
        self._status = 0
        self._headers: dict[str, str] = {}
        self._pieces: list[bytes] = []
        self._size = 0
        self._has_head = False
        self._coding = ""
        self._length: int | None = None
        self.received = 0
        self.is_complete = False
        self.keeps_connection = False

    def take(self, data: bytes) -> None:
        self.received += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:  # Ctrl-C, while one of the methods below was running
            raise error.__context__ or error from None
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if self._status == 101:
                raise ExchangeError("the answer is 101, an upgrade that was not asked for") from None
            if not self.is_complete:
                raise ExchangeError(f"the answer is no HTTP: {error}") from None
            self.keeps_connection = False  # the data after the answer cannot be read
        if not self._has_head and self.received > LONGEST_HEAD:
            raise ExchangeError(f"the answer's head is longer than {LONGEST_HEAD // 1024} KiB")
        if self._size >= self._too_large:
            self.is_complete, self.keeps_connection = True, False
        elif self.received > LONGEST_HEAD + 2 * self._too_large:
            raise ExchangeError("the answer is longer than its body: its chunks or trailers do not end")

    def end(self) -> None:
        """The server has closed the connection: at the end of a body without a length, or too early."""
        if not self.received:
            raise ExchangeError(_NOTHING_CAME)
        if not self._has_head or "content-length" in self._headers or self._coding.endswith("chunked"):
            raise ExchangeError("the answer was cut off")
        self.is_complete = True

    def read(self) -> Answer:
        pieces, self._pieces = self._pieces, []  # a kept connection holds no body
        if self._size < self._too_large and "content-encoding" not in self._headers:
            return Answer(self._status, self._headers, b"".join(pieces))
        if not pieces and self._size:  # it was announced to be too large
            return Answer(self._status, self._headers, b"", _too_large(self._too_large), True)
        content, flaw = _decoded(self._headers.get("content-encoding", ""), pieces, self._too_large)
        return Answer(self._status, self._headers, content, flaw, flaw == _too_large(self._too_large))

    def on_message_begin(self) -> None:
        if self.is_complete:  # an answer to nothing: it could be taken for that to the next request
            self.keeps_connection = False

    def on_header(self, name: bytes, value: bytes) -> None:
        key = _NAMES.get(name.lower())
        if key is not None and not self._has_head:  # later headers are trailers, or belong to data after the answer
            text = value.decode("latin-1")
            self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        if not self.is_complete:
            self._status = self._parser.get_status_code()
            self._has_head = self._status >= 200
            self._coding = self._headers.get("transfer-encoding", "").strip().lower()
            length = self._headers.get("content-length", "")
            if self._coding and not self._coding.endswith("chunked") and length.isdecimal():
                self._length = int(length)  # which the parser does not heed beside such a coding
            self.is_complete = self._has_head and (self._ends_with_head or self._length == 0)
            if self._has_head and not self._keeps_beginning and length.isdecimal() and int(length) >= self._too_large:
                self._size, self.is_complete = int(length), True

    def on_body(self, piece: bytes) -> None:
        if not self.is_complete:
            self._pieces.append(piece)
            self._size += len(piece)
            self.is_complete = self._length is not None and self._size >= self._length

    def on_message_complete(self) -> None:
        if self.is_complete:
            return
        if self._has_head:
            # RFC 9112, section 6.3: with both it is uncertain where the answer ends.
            is_ambiguous = "transfer-encoding" in self._headers and "content-length" in self._headers
            self.is_complete, self.keeps_connection = True, self._parser.should_keep_alive() and not is_ambiguous
        else:  # an interim answer (RFC 9110, section 15.2): the final one follows
            self._headers.clear()


def _too_large(size: int) -> str:
    return f"a body of {size / 2**20:g} MiB or more"


def _decoded(encoding: str, pieces: Iterable[bytes], too_large: int) -> tuple[bytes, str]:
    """The decoded body, and the problem with it. A body that is too large is cut to its beginning."""
    encoding = encoding.strip().lower()
    if "," in encoding:  # the size between the steps has no limit
        return b"", "a body that is encoded more than once"
    if encoding in ("gzip", "x-gzip", "deflate"):
        pieces = _inflated(pieces, encoding)
    elif encoding not in ("", "identity"):
        return b"", "a body in an encoding that was not asked for"
    found: list[bytes] = []
    size = 0
    try:
        for piece in pieces:
            found.append(piece)
            size += len(piece)
            if size >= too_large:
                return b"".join(found[: BEGINNING // 1024])[:BEGINNING], _too_large(too_large)
    except zlib.error:
        return b"", "a body that cannot be decompressed"
    return b"".join(found), ""


def _inflated(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Raises zlib.error, also when the end is missing."""
    inflate = None
    for piece in pieces:
        left, plain = piece, b""
        while left or len(plain) == _PIECE:
            if inflate is not None and inflate.eof and not left.strip(b"\0"):
                break  # padding behind the end
            if inflate is None or (inflate.eof and left):  # a body of gzip may have several members
                is_bare = encoding == "deflate" and left[0] & 15 != 8  # some servers leave out the frame of zlib
                inflate = zlib.decompressobj(-zlib.MAX_WBITS if is_bare else zlib.MAX_WBITS | 32)
            plain = inflate.decompress(left, _PIECE)
            yield plain
            left = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
    if inflate is not None and not inflate.eof:
        raise zlib.error
