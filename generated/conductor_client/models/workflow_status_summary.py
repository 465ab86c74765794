from __future__ import annotations

import msgspec


class WorkflowStatusSummary(msgspec.Struct, rename="camel", omit_defaults=True):
    correlation_id: str | None = None
    output: JsonMap = msgspec.field(default_factory=dict)
    status: WorkflowStatus | None = None
    variables: JsonMap = msgspec.field(default_factory=dict)
    workflow_id: str | None = None


# Here, since models refer to each other in circles.

from ..models.json_map import JsonMap
from ..models.workflow_status import WorkflowStatus
