from __future__ import annotations

import msgspec


class RateLimitConfig(msgspec.Struct, rename="camel", omit_defaults=True):
    concurrent_exec_limit: int | None = None
    policy: RateLimitConfigPolicy | None = None
    rate_limit_key: str | None = None


# Here, since models refer to each other in circles.
from ..models.rate_limit_config_policy import RateLimitConfigPolicy
