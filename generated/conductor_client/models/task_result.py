from __future__ import annotations

import msgspec

from ..base import Int64, Model


class _TaskResult(Model):
    """The members that may be given by position."""

    task_id: str
    workflow_instance_id: str
    status: TaskResultStatus
    output_data: JsonMap = msgspec.field(default_factory=dict)


class TaskResult(_TaskResult, kw_only=True):
    callback_after_seconds: Int64 | None = None
    execution_metadata: ExecutionMetadata | None = None
    extend_lease: bool | None = None
    external_output_payload_storage_path: str | None = None
    logs: list[TaskExecLog] = msgspec.field(default_factory=list)
    reason_for_incompletion: str | None = None
    sub_workflow_id: str | None = None
    supports_cancellation: bool | None = None
    worker_id: str | None = None


# Here, since models refer to each other in circles.

from ..models.execution_metadata import ExecutionMetadata
from ..models.json_map import JsonMap
from ..models.task_exec_log import TaskExecLog
from ..models.task_result_status import TaskResultStatus
