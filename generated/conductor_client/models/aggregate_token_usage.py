from __future__ import annotations

import msgspec


class AggregateTokenUsage(msgspec.Struct, rename="camel", omit_defaults=True):
    completion_tokens: int | None = None
    prompt_tokens: int | None = None
    total_tokens: int | None = None
