from __future__ import annotations

import msgspec


class CacheConfig(msgspec.Struct, rename="camel", omit_defaults=True):
    key: str | None = None
    ttl_in_second: int | None = None
