from __future__ import annotations

from ..base import Int64, Model


class _TaskExecLog(Model):
    """The members that may be given by position."""

    log: str | None = None
    task_id: str | None = None


class TaskExecLog(_TaskExecLog, kw_only=True):
    created_time: Int64 | None = None
