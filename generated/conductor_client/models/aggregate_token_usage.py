from __future__ import annotations

from ..base import Int64, Model


class AggregateTokenUsage(Model, kw_only=True):
    completion_tokens: Int64 | None = None
    prompt_tokens: Int64 | None = None
    total_tokens: Int64 | None = None
