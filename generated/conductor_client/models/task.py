from __future__ import annotations

import msgspec


class Task(msgspec.Struct, rename="camel", omit_defaults=True):
    task_id: str
    workflow_instance_id: str
    callback_after_seconds: int = 0
    callback_from_worker: bool = False
    correlation_id: str | None = None
    domain: str | None = None
    end_time: int = 0
    executed: bool = False
    execution_metadata: ExecutionMetadata | None = None
    execution_name_space: str | None = None
    external_input_payload_storage_path: str | None = None
    external_output_payload_storage_path: str | None = None
    first_start_time: int = 0
    input_data: JsonMap = msgspec.field(default_factory=dict)
    isolation_group_id: str | None = None
    iteration: int = 0
    loop_over_task: bool = False
    output_data: JsonMap = msgspec.field(default_factory=dict)
    parent_task_id: str | None = None
    poll_count: int = 0
    queue_wait_time: int = 0
    rate_limit_frequency_in_seconds: int = 0
    rate_limit_per_frequency: int = 0
    reason_for_incompletion: str | None = None
    reference_task_name: str = ""
    response_timeout_seconds: int = 0
    retried: bool = False
    retried_task_id: str | None = None
    retry_count: int = 0
    runtime_metadata: StringMap = msgspec.field(default_factory=dict)
    scheduled_time: int = 0
    seq: int = 0
    start_delay_in_seconds: int = 0
    start_time: int = 0
    status: TaskStatus | None = None
    sub_workflow_id: str | None = None
    subworkflow_changed: bool = False
    task_def_name: str = ""
    task_definition: TaskDef | None = None
    task_type: str = ""
    update_time: int = 0
    worker_id: str | None = None
    workflow_priority: int = 0
    workflow_task: WorkflowTask | None = None
    workflow_type: str = ""


# Here, since models refer to each other in circles.

from ..models.execution_metadata import ExecutionMetadata
from ..models.json_map import JsonMap
from ..models.string_map import StringMap
from ..models.task_def import TaskDef
from ..models.task_status import TaskStatus
from ..models.workflow_task import WorkflowTask
