from __future__ import annotations

import msgspec


class GenerateTokenResponse(msgspec.Struct, rename="camel", omit_defaults=True):
    token: str
    user_id: str | None = None

    def __repr__(self) -> str:
        """Without the secret that it holds."""
        return "GenerateTokenResponse(...)"
