from __future__ import annotations

import msgspec

from ..base import Definition, Int64


class _TaskDef(Definition):
    """The members that may be given by position."""

    name: str


class TaskDef(_TaskDef, kw_only=True):
    create_time: Int64 | None = None
    update_time: Int64 | None = None
    created_by: str | None = None
    retry_count: Int64 | None = None
    timeout_seconds: Int64 | None = None
    input_keys: list[str] = msgspec.field(default_factory=list)
    output_keys: list[str] = msgspec.field(default_factory=list)
    runtime_metadata: list[str] = msgspec.field(default_factory=list)
    timeout_policy: TaskDefTimeoutPolicy | None = None
    retry_logic: TaskDefRetryLogic | None = None
    retry_delay_seconds: Int64 | None = None
    response_timeout_seconds: Int64 | None = None
    input_template: JsonMap = msgspec.field(default_factory=dict)
    rate_limit_per_frequency: Int64 | None = None
    rate_limit_frequency_in_seconds: Int64 | None = None
    owner_email: str | None = None
    backoff_scale_factor: Int64 | None = None
    max_retry_delay_seconds: Int64 | None = None
    backoff_jitter_ms: Int64 | None = None
    total_timeout_seconds: Int64 | None = None
    task_status_listener_enabled: bool | None = None
    enforce_schema: bool | None = None
    base_type: str | None = None
    concurrent_exec_limit: Int64 | None = None
    description: str | None = None
    execution_name_space: str | None = None
    input_schema: SchemaDef | None = None
    isolation_group_id: str | None = None
    output_schema: SchemaDef | None = None
    owner_app: str | None = None
    poll_timeout_seconds: Int64 | None = None
    updated_by: str | None = None


# Here, since models refer to each other in circles.

from ..models.json_map import JsonMap
from ..models.schema_def import SchemaDef
from ..models.task_def_retry_logic import TaskDefRetryLogic
from ..models.task_def_timeout_policy import TaskDefTimeoutPolicy
