"""Access keys, and the tokens that clients get for them, as on servers of Orkes."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from conductor.testing.server.http_wire import Response
from conductor.testing.server.responses import as_json, error

FORGET_AFTER = 1_000  # tokens; a forgotten token is refused as unknown, not as expired


@runtime_checkable
class AccessKey(Protocol):
    """An access key, such as an AuthenticationSettings."""

    @property
    def key_id(self) -> str: ...

    @property
    def key_secret(self) -> str: ...


class Tokens:
    """The tokens that clients have got. Thread-safe."""

    def __init__(self, key: AccessKey, seconds: float, now: Callable[[], float]) -> None:
        self._key = (key.key_id.encode(), key.key_secret.encode())
        self._seconds = seconds
        self._now = now
        self._lock = threading.Lock()  # guards _expiry
        self._expiry: dict[str, float] = {}

    def exchange(self, request: dict[str, Any]) -> Response:
        """A new token for the key, or 401."""
        if not self.is_key(str(request.get("keyId", "")), str(request.get("keySecret", ""))):
            return error(401, "the access key is not valid", error="INVALID_KEY")
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._expiry[token] = self._now() + self._seconds
            while len(self._expiry) > FORGET_AFTER:
                del self._expiry[next(iter(self._expiry))]
        return as_json({"token": token, "userId": "dev-server"})

    def is_key(self, key_id: str, key_secret: str) -> bool:
        given = (each.encode("utf-8", "replace") for each in (key_id, key_secret))
        return all(hmac.compare_digest(*pair) for pair in zip(self._key, given, strict=True))

    def refusal(self, token: str | None) -> Response | None:
        """The reason why a request with this token is refused, or None."""
        with self._lock:
            expiry = None if token is None else self._expiry.get(token)
        if expiry is None:
            return error(401, "the token is missing or not valid", error="INVALID_TOKEN")
        if expiry <= self._now():
            return error(401, "the token has expired", error="EXPIRED_TOKEN")
        return None
