"""The pages with the health of a process: ``/healthz``, ``/readyz``, ``/health.json``, and ``/`` for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from wsgiref.types import StartResponse, WSGIEnvironment

import msgspec

from conductor import _status_page
from conductor._log import logger_of
from conductor.health import Health

logger = logger_of(__name__)

JSON, HTML = "application/json", "text/html; charset=utf-8"
GOOD, ILL = "200 OK", "503 Service Unavailable"


class Page(NamedTuple):
    status: str
    content_type: str
    body: bytes


def _healthz(health: Health) -> Page:
    reasons = [reason for reason in health.reasons if reason.is_illness]
    return _probe(health.healthy, {"healthy": health.healthy, "reasons": reasons})


def _readyz(health: Health) -> Page:
    return _probe(health.ready, {"ready": health.ready, "reasons": health.reasons})


def _probe(is_good: bool, body: dict[str, Any]) -> Page:
    return Page(GOOD if is_good else ILL, JSON, msgspec.json.encode(body))


def _whole(health: Health) -> Page:
    return Page(GOOD, JSON, msgspec.json.encode(health))


def _status(health: Health) -> Page:
    return Page(GOOD, HTML, _status_page.render(health).encode())


PAGES: dict[str, Callable[[Health], Page]] = {
    "/healthz": _healthz,
    "/readyz": _readyz,
    "/health.json": _whole,
    "/": _status,
}
"""By path."""


def answer(
    make: Callable[[Health], Page], look: Callable[[], Health], environ: WSGIEnvironment, start_response: StartResponse
) -> list[bytes]:
    """Answer a request for one of the pages. look: returns the health now."""
    more = []
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        page, more = Page("405 Method Not Allowed", JSON, b'{"error":"use GET or HEAD"}'), [("Allow", "GET, HEAD")]
    else:
        try:
            page = make(look())
        except Exception:
            logger.exception("a bug: the page about the health cannot be made")
            page = Page("500 Internal Server Error", JSON, b'{"error":"a bug: see the log of the process"}')
    headers = [
        ("Content-Type", page.content_type),
        ("Content-Length", str(len(page.body))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    start_response(page.status, headers + more)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [page.body]
