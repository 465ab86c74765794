from __future__ import annotations

import msgspec

from ..base import Model


class WorkflowStatusSummary(Model, kw_only=True):
    correlation_id: str | None = None
    output: JsonMap = msgspec.field(default_factory=dict)
    status: WorkflowStatus | None = None
    variables: JsonMap = msgspec.field(default_factory=dict)
    workflow_id: str | None = None


# Here, since models refer to each other in circles.

from ..models.json_map import JsonMap
from ..models.workflow_status import WorkflowStatus
