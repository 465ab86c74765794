from __future__ import annotations

from ..base import Int64, Model


class _GenerateTokenRequest(Model):
    """The members that may be given by position."""

    key_id: str
    key_secret: str


class GenerateTokenRequest(_GenerateTokenRequest, kw_only=True):
    expiration: Int64 | None = None
