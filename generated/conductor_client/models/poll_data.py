from __future__ import annotations

from ..base import Int64, Model


class PollData(Model, kw_only=True):
    domain: str | None = None
    last_poll_time: Int64 | None = None
    queue_name: str | None = None
    worker_id: str | None = None
