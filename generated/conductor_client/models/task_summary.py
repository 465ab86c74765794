from __future__ import annotations

from ..base import Int64, Model


class TaskSummary(Model, kw_only=True):
    correlation_id: str | None = None
    domain: str | None = None
    end_time: str | None = None
    execution_time: Int64 | None = None
    external_input_payload_storage_path: str | None = None
    external_output_payload_storage_path: str | None = None
    input: str | None = None
    output: str | None = None
    queue_wait_time: Int64 | None = None
    reason_for_incompletion: str | None = None
    scheduled_time: str | None = None
    start_time: str | None = None
    status: TaskStatus | None = None
    task_def_name: str | None = None
    task_id: str | None = None
    task_type: str | None = None
    update_time: str | None = None
    workflow_id: str | None = None
    workflow_priority: Int64 | None = None
    workflow_type: str | None = None


# Here, since models refer to each other in circles.
from ..models.task_status import TaskStatus
