from __future__ import annotations

import msgspec


class GenerateTokenRequest(msgspec.Struct, rename="camel", omit_defaults=True):
    key_id: str
    key_secret: str
    expiration: int | None = None

    def __repr__(self) -> str:
        """Without the secret that it holds."""
        return "GenerateTokenRequest(...)"
