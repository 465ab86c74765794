from __future__ import annotations

import msgspec

from ..base import Model


class RerunWorkflowRequest(Model, kw_only=True):
    correlation_id: str | None = None
    re_run_from_task_id: str | None = None
    re_run_from_workflow_id: str | None = None
    task_input: JsonMap = msgspec.field(default_factory=dict)
    workflow_input: JsonMap = msgspec.field(default_factory=dict)


# Here, since models refer to each other in circles.

from ..models.json_map import JsonMap
