"""Reads the requests of a connection. The parser is that of httptools; malformed requests are refused as by Tomcat."""

from __future__ import annotations

import re
import socket
from collections import deque

import httptools

from conductor.testing.server.http_wire import Request, Response, error_page

LONGEST_HEAD = 8 * 1024  # bytes; Tomcat's limit
LONGEST_BODY = 64 * 1024 * 1024  # bytes; Tomcat has no limit, but a test must not fill the memory

_PIECE = 64 * 1024
_TARGET = re.compile(
    r"/(?:[A-Za-z0-9\-._~:/@!$&'()*+,;=]|%(?!2[fF]|5[cC]|00)[0-9A-Fa-f]{2})*(?:\?[A-Za-z0-9\-._~:/?@!$&'()*+,;=%]*)?"
)
_ONCE = ("content-length", "host", "transfer-encoding")
_STATUS_OF_FLAW = {"Content-Length overflow": 413}
"""The statuses of errors of the parser. All others are 400."""


class RefusedError(Exception):
    """A request that must not reach the handler."""

    def __init__(self, status: int) -> None:
        self.response: Response = error_page(status)


class Reader:
    """Requests from one connection, in order. RefusedError: the request must not reach the handler."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._incoming = _Incoming()

    def request(self) -> tuple[Request | None, bool]:
        """The next request, or None at the end of the connection; and whether the client keeps the connection open."""
        incoming = self._incoming
        while True:
            while incoming.ready:
                item = incoming.ready.popleft()
                if isinstance(item, RefusedError):
                    raise item
                if item is not None:
                    return item
                self._connection.sendall(b"HTTP/1.1 100 \r\n\r\n")
            data = self._connection.recv(_PIECE)
            if data:
                incoming.take(data)
            elif incoming.is_in_body:
                raise ConnectionError("the connection ended within a body")
            else:
                return None, False


class _Incoming:
    """Makes requests from the bytes of a connection. httptools calls the ``on_…`` methods.

    ready: requests, each with whether the client keeps the connection open; None where the client waits for
        "100 Continue"; and at the end the error of a request that is refused.
    """

    def __init__(self) -> None:
        self.ready: deque[tuple[Request, bool] | RefusedError | None] = deque()
        self.is_in_body = False
        self._parser = httptools.HttpRequestParser(self)
        self._parser.set_dangerous_leniencies(lenient_version=True)  # other versions get a status of their own
        self._is_refused = False
        self._is_parted = False  # the parser has given up the request at its head, see ``_go_on_with_body``
        self._size = 0  # of the head, or of the trailers
        self._waiting = 0  # bytes that came for a head that is not complete
        self._method = ""
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._body_size = 0

    def take(self, data: bytes) -> None:
        before = len(self.ready)
        while data and not self._is_refused:
            try:
                self._parser.feed_data(data)
                break
            except httptools.HttpParserUpgrade as upgrade:
                data = self._go_on_with_body() + data[upgrade.args[0] :]
            except httptools.HttpParserCallbackError:
                raise
            except httptools.HttpParserError as flaw:
                self._refuse(_STATUS_OF_FLAW.get(str(flaw), 400))
        self._waiting = 0 if self.is_in_body or len(self.ready) > before else self._waiting + len(data)
        if self._waiting > LONGEST_HEAD:
            self._refuse(400)

    def _go_on_with_body(self) -> bytes:
        """A head for the body of a request that asks for another protocol: the parser takes that to follow the head.

        Java's HttpClient asks for HTTP/2 with its first request. As Tomcat does, the server goes on with HTTP/1.1.
        """
        if not self._is_parted:
            return b""
        framing = next(name for name in ("content-length", "transfer-encoding") if name in self._headers)
        return f"POST / HTTP/1.1\r\n{framing}: {self._headers[framing]}\r\n\r\n".encode("latin-1")

    def _refuse(self, status: int) -> None:
        if not self._is_refused:
            self._is_refused = True
            self.ready.append(RefusedError(status))

    def on_message_begin(self) -> None:
        if not self._is_parted:
            self._size, self._target, self._headers = 0, b"", {}
            self._body, self._body_size = [], 0

    def on_url(self, part: bytes) -> None:
        if not self._is_parted:
            self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self._size += len(name) + len(value) + 4
        if self._size > LONGEST_HEAD:
            self._refuse(400)
        if self.is_in_body or self._is_parted:  # trailers, or the head that was made for a body
            return
        key = name.decode("latin-1").lower()
        if key in self._headers and key in _ONCE:
            self._refuse(400)
        self._headers[key] = value.strip(b" \t").decode("latin-1")

    def on_headers_complete(self) -> None:
        self.is_in_body = True
        if self._is_parted:
            return
        self._method = self._parser.get_method().decode("latin-1")
        self._size += len(self._method) + len(self._target) + len(" HTTP/1.1\r\n\r\n")
        status = self._flaw_of_head()
        if status is not None:
            self._refuse(status)
        elif "expect" in self._headers:
            self.ready.append(None)
        self._size = 0  # the trailers have the same limit

    def _flaw_of_head(self) -> int | None:
        """The status with which a request is refused as soon as its head has come."""
        version, headers = self._parser.get_http_version(), self._headers
        target = self._target.decode("latin-1")
        if version not in ("1.0", "1.1"):
            return 505
        if self._size > LONGEST_HEAD or not _TARGET.fullmatch(target) or _climbs_out(target):
            return 400
        if version == "1.1" and "host" not in headers:
            return 400
        if headers.get("transfer-encoding", "chunked").lower() != "chunked":
            return 501
        if int(headers.get("content-length") or 0) > LONGEST_BODY:
            return 413
        return None if headers.get("expect", "100-continue").lower() == "100-continue" else 417

    def on_body(self, piece: bytes) -> None:
        self._body_size += len(piece)
        if self._body_size > LONGEST_BODY:
            self._refuse(413)
        if not self._is_refused:
            self._body.append(piece)

    def on_message_complete(self) -> None:
        has_body = "transfer-encoding" in self._headers or self._headers.get("content-length", "0") != "0"
        if self._parser.should_upgrade() and has_body and not self._is_parted:
            self._is_parted = True
            return
        self.is_in_body = self._is_parted = False
        if not self._is_refused:
            request = Request(self._method, self._target.decode("latin-1"), self._headers, b"".join(self._body))
            self.ready.append((request, self._parser.should_keep_alive()))


def _climbs_out(target: str) -> bool:
    """Whether ``..`` leads above the root."""
    if "/.." not in target:
        return False
    depth = 0
    for segment in target.partition("?")[0].split("/")[1:]:
        depth += {"..": -1, ".": 0, "": 0}.get(segment, 1)
        if depth < 0:
            return True
    return False
