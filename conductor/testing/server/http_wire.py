"""HTTP/1.1 as bytes: reads requests from a socket and writes answers. Malformed requests are refused as by Tomcat."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http.client import responses as REASONS  # noqa: N812 - a table

LONGEST_HEAD = 8 * 1024  # bytes; Tomcat's limit
LONGEST_BODY = 64 * 1024 * 1024  # bytes; Tomcat has no limit, but a test must not fill the memory

_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP/(\d)\.(\d)")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):(.*)")
_TARGET = re.compile(
    r"/(?:[A-Za-z0-9\-._~:/@!$&'()*+,;=]|%(?!2[fF]|5[cC]|00)[0-9A-Fa-f]{2})*(?:\?[A-Za-z0-9\-._~:/?@!$&'()*+,;=%]*)?"
)
_STYLE = (
    "body {font-family:Tahoma,Arial,sans-serif;} h1, h2, h3, b {color:white;background-color:#525D76;} "
    "h1 {font-size:22px;} h2 {font-size:16px;} h3 {font-size:14px;} p {font-size:12px;} a {color:black;} "
    ".line {height:1px;background-color:#525D76;border:none;}"
)


@dataclass(slots=True)
class Request:
    """headers: with names in lower case. target: as it was sent, percent-encoded."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Response:
    """media_type: None sends no Content-Type. A 204 has no Content-Length either."""

    status: int
    body: bytes = b""
    media_type: str | None = None
    headers: Mapping[str, str] | None = None


class RefusedError(Exception):
    """A request that must not reach the handler."""

    def __init__(self, status: int) -> None:
        self.response = error_page(status)


class Reader:
    """Requests from one connection, in order. RefusedError: the request must not reach the handler."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""

    def request(self) -> tuple[Request | None, bool]:
        """The next request, or None at the end of the connection; and whether the client keeps the connection open."""
        head = self._head()
        if head is None:
            return None, False
        lines = head.replace(b"\r\n", b"\n").split(b"\n")
        method, target, version = _request_line(lines[0])
        headers = _headers(lines[1:])
        if version == "1.1" and "host" not in headers:
            raise RefusedError(400)
        tokens = headers.get("connection", "").lower()
        keep = "close" not in tokens if version == "1.1" else "keep-alive" in tokens
        return Request(method, target, headers, self._body(headers)), keep

    def _head(self) -> bytes | None:
        while True:
            self._buffer = self._buffer.lstrip(b"\r\n")
            end = _END_OF_HEAD.search(self._buffer)
            if end is None and len(self._buffer) < LONGEST_HEAD:
                if not self._receive():
                    return None
                continue
            if end is None or end.end() > LONGEST_HEAD:
                raise RefusedError(400)
            head, self._buffer = self._buffer[: end.start()], self._buffer[end.end() :]
            return head

    def _body(self, headers: dict[str, str]) -> bytes:
        coding, text = headers.get("transfer-encoding", "").lower(), headers.get("content-length", "0")
        if coding not in ("", "chunked"):
            raise RefusedError(501)
        if not (text.isascii() and text.isdigit()) or (coding and "content-length" in headers):
            raise RefusedError(400)
        length = int(text) if len(text) < 19 else LONGEST_BODY + 1
        if length > LONGEST_BODY:
            raise RefusedError(413)
        if (expected := headers.get("expect")) is not None:
            if expected.lower() != "100-continue":
                raise RefusedError(417)
            self._connection.sendall(b"HTTP/1.1 100 \r\n\r\n")
        return self._chunks() if coding else self._exactly(length)

    def _chunks(self) -> bytes:
        parts: list[bytes] = []
        total = 0
        while True:
            try:
                size = int(self._line().partition(b";")[0], 16)
            except ValueError:
                raise RefusedError(400) from None
            total += size
            if size < 0 or total > LONGEST_BODY:
                raise RefusedError(400 if size < 0 else 413)
            if size == 0:
                while self._line():  # trailers
                    pass
                return b"".join(parts)
            parts.append(self._exactly(size))
            self._line()

    def _line(self) -> bytes:
        while b"\n" not in self._buffer:
            if len(self._buffer) > LONGEST_HEAD or not self._receive():
                raise RefusedError(400)
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.rstrip(b"\r")

    def _exactly(self, length: int) -> bytes:
        if len(self._buffer) < length:
            parts, have = [self._buffer], len(self._buffer)
            while have < length:
                part = self._connection.recv(65536)
                if not part:
                    raise ConnectionError("the connection ended within a body")
                parts.append(part)
                have += len(part)
            self._buffer = b"".join(parts)
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return body

    def _receive(self) -> bool:
        part = self._connection.recv(65536)
        self._buffer += part
        return bool(part)


def error_page(status: int) -> Response:
    """An error page as Tomcat's."""
    title = f"HTTP Status {status} – {REASONS[status]}"  # noqa: RUF001 - Tomcat's dash
    page = (
        f'<!doctype html><html lang="en"><head><title>{title}</title><style type="text/css">{_STYLE}</style></head>'
        f"<body><h1>{title}</h1></body></html>"
    )
    return Response(status, page.encode(), "text/html;charset=utf-8", {"Content-Language": "en"})


def _request_line(line: bytes) -> tuple[str, str, str]:
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise RefusedError(400)
    target = match[2].decode("latin-1")
    if match[3] != b"1":
        raise RefusedError(505)
    if not _TARGET.fullmatch(target) or _climbs_out(target):
        raise RefusedError(400)
    return match[1].decode(), target, "1.0" if match[4] == b"0" else "1.1"


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


def _headers(lines: list[bytes]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        match = _HEADER.fullmatch(line)
        if match is None:
            raise RefusedError(400)
        name, value = match[1].decode().lower(), match[2].strip(b" \t").decode("latin-1")
        if name in headers and name in ("content-length", "host", "transfer-encoding"):
            raise RefusedError(400)
        headers[name] = value
    return headers


def encoded(response: Response, *, keep: bool, with_body: bool) -> bytes:
    head = _head(response.status, response.media_type, keep)
    if response.headers:
        head += "".join(f"{name}: {value}\r\n" for name, value in response.headers.items()).encode("latin-1")
    if response.status == 204:
        return head + b"\r\n"
    return b"%sContent-Length: %d\r\n\r\n%s" % (head, len(response.body), response.body if with_body else b"")


@cache
def _head(status: int, media_type: str | None, keep: bool) -> bytes:
    lines = [f"HTTP/1.1 {status} "]
    if media_type:
        lines.append(f"Content-Type: {media_type}")
    if not keep:
        lines.append("Connection: close")
    return "\r\n".join([*lines, ""]).encode()
