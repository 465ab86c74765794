from __future__ import annotations

import msgspec


class TaskDef(msgspec.Struct, rename="camel", omit_defaults=True):
    name: str
    backoff_jitter_ms: int | None = None
    backoff_scale_factor: int | None = None
    base_type: str | None = None
    concurrent_exec_limit: int | None = None
    create_time: int | None = None
    created_by: str | None = None
    description: str | None = None
    enforce_schema: bool | None = None
    execution_name_space: str | None = None
    input_keys: list[str] = msgspec.field(default_factory=list)
    input_schema: SchemaDef | None = None
    input_template: JsonMap = msgspec.field(default_factory=dict)
    isolation_group_id: str | None = None
    max_retry_delay_seconds: int | None = None
    output_keys: list[str] = msgspec.field(default_factory=list)
    output_schema: SchemaDef | None = None
    owner_app: str | None = None
    owner_email: str | None = None
    poll_timeout_seconds: int | None = None
    rate_limit_frequency_in_seconds: int | None = None
    rate_limit_per_frequency: int | None = None
    response_timeout_seconds: int | None = None
    retry_count: int | None = None
    retry_delay_seconds: int | None = None
    retry_logic: TaskDefRetryLogic | None = None
    runtime_metadata: list[str] = msgspec.field(default_factory=list)
    task_status_listener_enabled: bool | None = None
    timeout_policy: TaskDefTimeoutPolicy | None = None
    timeout_seconds: int | None = None
    total_timeout_seconds: int | None = None
    update_time: int | None = None
    updated_by: str | None = None


# Here, since models refer to each other in circles.

from ..models.json_map import JsonMap
from ..models.schema_def import SchemaDef
from ..models.task_def_retry_logic import TaskDefRetryLogic
from ..models.task_def_timeout_policy import TaskDefTimeoutPolicy
