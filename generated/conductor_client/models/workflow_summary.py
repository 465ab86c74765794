from __future__ import annotations

import msgspec

from ..base import Int64, Model


class WorkflowSummary(Model, kw_only=True):
    classifier: str | None = None
    correlation_id: str | None = None
    created_by: str | None = None
    end_time: str | None = None
    event: str | None = None
    execution_time: Int64 | None = None
    external_input_payload_storage_path: str | None = None
    external_output_payload_storage_path: str | None = None
    failed_reference_task_names: str | None = None
    failed_task_names: list[str] = msgspec.field(default_factory=list)
    idempotency_key: str | None = None
    input: str | None = None
    input_size: Int64 | None = None
    output: str | None = None
    output_size: Int64 | None = None
    parent_workflow_id: str | None = None
    priority: Int64 | None = None
    reason_for_incompletion: str | None = None
    start_time: str | None = None
    status: WorkflowStatus | None = None
    task_to_domain: StringMap = msgspec.field(default_factory=dict)
    update_time: str | None = None
    version: Int64 | None = None
    workflow_id: str | None = None
    workflow_type: str | None = None


# Here, since models refer to each other in circles.

from ..models.string_map import StringMap
from ..models.workflow_status import WorkflowStatus
