"""The external payload storage of the embedded server: on its own port, with signed addresses, as S3 has them.

It asks for no token, because a client must not send its token to a storage.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from urllib.parse import quote

from conductor.testing.engine import Engine
from conductor.testing.server.http_wire import Response
from conductor.testing.server.parameters import text
from conductor.testing.server.responses import JSON, as_nothing
from conductor.testing.server.routes.route import Route

READ_PAYLOAD = "GET /payloads/{path}"
WRITE_PAYLOAD = "PUT /payloads/{path}"


class SignedUrls:
    """Addresses of payloads. Each one is for reading or for writing one payload. origin: of the server, once it
    listens.
    """

    def __init__(self) -> None:
        self.origin = ""
        self._secret = secrets.token_bytes(32)

    def url(self, operation: str, path: str) -> str:
        """operation: READ or WRITE."""
        return f"{self.origin}/payloads/{quote(path, safe='')}?signature={self._signature(operation, path)}"

    def is_signed(self, operation: str, path: str, signature: str | None) -> bool:
        return hmac.compare_digest((signature or "").encode(), self._signature(operation, path).encode())

    def _signature(self, operation: str, path: str) -> str:
        return hmac.new(self._secret, f"{operation} {path}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def storage_routes() -> Iterator[Route]:
    parameters = text("path"), text("signature")
    yield Route(READ_PAYLOAD, _read, parameters, answer=lambda content: Response(200, content, JSON))
    yield Route(WRITE_PAYLOAD, _write, parameters, "text", as_nothing)


def _read(engine: Engine, path: str, signature: str | None) -> bytes:
    return engine.storage.read(path, signature)


def _write(engine: Engine, path: str, signature: str | None, content: str) -> None:
    engine.storage.write(path, signature, content)
