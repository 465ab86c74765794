"""Requests and answers of HTTP/1.1, and answers as bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http.client import responses as REASONS  # noqa: N812 - a table

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


def error_page(status: int) -> Response:
    """An error page as Tomcat's."""
    title = f"HTTP Status {status} – {REASONS[status]}"  # noqa: RUF001 - Tomcat's dash
    page = (
        f'<!doctype html><html lang="en"><head><title>{title}</title><style type="text/css">{_STYLE}</style></head>'
        f"<body><h1>{title}</h1></body></html>"
    )
    return Response(status, page.encode(), "text/html;charset=utf-8", {"Content-Language": "en"})


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
