from __future__ import annotations

from ..base import Model


class _GenerateTokenResponse(Model):
    """The members that may be given by position."""

    token: str


class GenerateTokenResponse(_GenerateTokenResponse, kw_only=True):
    user_id: str | None = None
