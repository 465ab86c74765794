from __future__ import annotations

from ..base import Definition, Int64


class CacheConfig(Definition, kw_only=True):
    key: str | None = None
    ttl_in_second: Int64 | None = None
