from __future__ import annotations

import msgspec

from ..base import Int64, Model


class SearchResultTaskSummary(Model, kw_only=True):
    results: list[TaskSummary] = msgspec.field(default_factory=list)
    total_hits: Int64 | None = None


# Here, since models refer to each other in circles.

from ..models.task_summary import TaskSummary
