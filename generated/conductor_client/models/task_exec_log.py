from __future__ import annotations

import msgspec


class TaskExecLog(msgspec.Struct, rename="camel", omit_defaults=True):
    log: str | None = None
    task_id: str | None = None
    created_time: int | None = None
