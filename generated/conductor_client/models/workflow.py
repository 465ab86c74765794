from __future__ import annotations

import msgspec

from ..base import Int64, Model


class Workflow(Model, kw_only=True):
    aggregate_token_usage: AggregateTokenUsage | None = None
    correlation_id: str | None = None
    create_time: Int64 | None = None
    created_by: str | None = None
    end_time: Int64 | None = None
    event: str | None = None
    external_input_payload_storage_path: str | None = None
    external_output_payload_storage_path: str | None = None
    failed_reference_task_names: list[str] = msgspec.field(default_factory=list)
    failed_task_names: list[str] = msgspec.field(default_factory=list)
    history: list[Workflow] = msgspec.field(default_factory=list)
    idempotency_key: str | None = None
    input: JsonMap = msgspec.field(default_factory=dict)
    last_retried_time: Int64 | None = None
    output: JsonMap = msgspec.field(default_factory=dict)
    owner_app: str | None = None
    parent_workflow_id: str | None = None
    parent_workflow_task_id: str | None = None
    priority: Int64 | None = None
    rate_limit_key: str | None = None
    rate_limited: bool | None = None
    re_run_from_workflow_id: str | None = None
    reason_for_incompletion: str | None = None
    start_time: Int64 | None = None
    status: WorkflowStatus | None = None
    task_to_domain: StringMap = msgspec.field(default_factory=dict)
    tasks: list[Task] = msgspec.field(default_factory=list)
    update_time: Int64 | None = None
    updated_by: str | None = None
    variables: JsonMap = msgspec.field(default_factory=dict)
    workflow_definition: WorkflowDef | None = None
    workflow_id: str | None = None
    workflow_name: str | None = None
    workflow_version: Int64 | None = None


# Here, since models refer to each other in circles.

from ..models.aggregate_token_usage import AggregateTokenUsage
from ..models.json_map import JsonMap
from ..models.string_map import StringMap
from ..models.task import Task
from ..models.workflow_def import WorkflowDef
from ..models.workflow_status import WorkflowStatus
