"""Answers: the server's media types, and Conductor's error JSON."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from conductor.testing.server.http_wire import Response

JSON = "application/json"
TEXT = "text/plain;charset=UTF-8"

_HOST = socket.gethostname()
_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


def encode(value: Any) -> bytes:
    """JSON as the server writes it: compact, in UTF-8."""
    return _encode(value).encode("utf-8", "replace")


def as_json(value: Any) -> Response:
    return Response(200, encode(value), JSON)


def as_text(value: str) -> Response:
    return Response(200, value.encode("utf-8", "replace"), TEXT) if value else Response(200)


def as_nothing(_value: object) -> Response:
    return Response(200)


def as_no_content(_value: object) -> Response:
    return Response(204)


def as_json_or_204(value: Any) -> Response:
    return Response(200, encode(value), JSON) if value else Response(204)


def error(
    status: int,
    message: str,
    *,
    retryable: bool = False,
    validation_errors: Sequence[Mapping[str, Any]] = (),
    **more: Any,
) -> Response:
    """Conductor's error JSON. The error of a failed validation has no instance."""
    body: dict[str, Any] = {"status": status, "message": message}
    if not validation_errors:
        body["instance"] = _HOST
    body["retryable"] = retryable
    if validation_errors:
        body["validationErrors"] = validation_errors
    return Response(status, encode(body | more), JSON)
