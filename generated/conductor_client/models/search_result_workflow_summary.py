from __future__ import annotations

import msgspec

from ..base import Int64, Model


class SearchResultWorkflowSummary(Model, kw_only=True):
    results: list[WorkflowSummary] = msgspec.field(default_factory=list)
    total_hits: Int64 | None = None


# Here, since models refer to each other in circles.

from ..models.workflow_summary import WorkflowSummary
