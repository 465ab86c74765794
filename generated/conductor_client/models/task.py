from __future__ import annotations

import msgspec

from ..base import Delivered, Int64


class _Task(Delivered):
    """The members that may be given by position."""

    task_id: str
    workflow_instance_id: str


class Task(_Task, kw_only=True):
    task_type: str = ""
    status: TaskStatus | None = None
    input_data: JsonMap = msgspec.field(default_factory=dict)
    reference_task_name: str = ""
    retry_count: Int64 = 0
    seq: Int64 = 0
    poll_count: Int64 = 0
    task_def_name: str = ""
    scheduled_time: Int64 = 0
    start_time: Int64 = 0
    end_time: Int64 = 0
    update_time: Int64 = 0
    start_delay_in_seconds: Int64 = 0
    retried: bool = False
    executed: bool = False
    callback_from_worker: bool = False
    response_timeout_seconds: Int64 = 0
    workflow_type: str = ""
    callback_after_seconds: Int64 = 0
    worker_id: str | None = None
    output_data: JsonMap = msgspec.field(default_factory=dict)
    workflow_task: WorkflowTask | None = None
    rate_limit_per_frequency: Int64 = 0
    rate_limit_frequency_in_seconds: Int64 = 0
    workflow_priority: Int64 = 0
    iteration: Int64 = 0
    subworkflow_changed: bool = False
    first_start_time: Int64 = 0
    execution_metadata: ExecutionMetadata | None = None
    task_definition: TaskDef | None = None
    loop_over_task: bool = False
    queue_wait_time: Int64 = 0
    correlation_id: str | None = None
    domain: str | None = None
    execution_name_space: str | None = None
    external_input_payload_storage_path: str | None = None
    external_output_payload_storage_path: str | None = None
    isolation_group_id: str | None = None
    parent_task_id: str | None = None
    reason_for_incompletion: str | None = None
    retried_task_id: str | None = None
    runtime_metadata: StringMap = msgspec.field(default_factory=dict)
    sub_workflow_id: str | None = None


# Here, since models refer to each other in circles.

from ..models.execution_metadata import ExecutionMetadata
from ..models.json_map import JsonMap
from ..models.string_map import StringMap
from ..models.task_def import TaskDef
from ..models.task_status import TaskStatus
from ..models.workflow_task import WorkflowTask
