from __future__ import annotations

from ..base import Definition, Int64


class RateLimitConfig(Definition, kw_only=True):
    concurrent_exec_limit: Int64 | None = None
    policy: RateLimitConfigPolicy | None = None
    rate_limit_key: str | None = None


# Here, since models refer to each other in circles.
from ..models.rate_limit_config_policy import RateLimitConfigPolicy
