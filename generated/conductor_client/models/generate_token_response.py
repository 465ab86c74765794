from __future__ import annotations

import msgspec


class GenerateTokenResponse(msgspec.Struct, rename="camel", omit_defaults=True):
    token: str


# Here, since models refer to each other in circles.
