from __future__ import annotations

import msgspec


class PollData(msgspec.Struct, rename="camel", omit_defaults=True):
    domain: str | None = None
    last_poll_time: int | None = None
    queue_name: str | None = None
    worker_id: str | None = None
