"""Routes about the server itself: its health, its version, its document."""

from __future__ import annotations

from collections.abc import Iterator

from conductor.testing.server.binding import document
from conductor.testing.server.responses import as_text
from conductor.testing.server.routes.route import Route

VERSION = "3.32.3"  # the version of the server that is imitated
HEALTH = {"healthResults": [], "suppressedHealthResults": [], "healthy": True}

PAGE = "GET /"
HEALTH_CHECK = "GET /health"
DOCUMENT = "GET /api-docs"


def about() -> Iterator[Route]:
    yield Route(HEALTH_CHECK, lambda _: HEALTH)
    yield Route("GET /api/health", lambda _: HEALTH)
    yield Route("GET /api/version", lambda _: VERSION, (), None, as_text)
    yield Route(DOCUMENT, lambda _: document())
