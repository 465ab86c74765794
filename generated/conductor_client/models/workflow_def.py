from __future__ import annotations

import msgspec

from ..base import Definition, Int64


class _WorkflowDef(Definition):
    """The members that may be given by position."""

    name: str
    tasks: list[WorkflowTask]


class WorkflowDef(_WorkflowDef, kw_only=True):
    cache_config: CacheConfig | None = None
    create_time: Int64 | None = None
    created_by: str | None = None
    description: str | None = None
    enforce_schema: bool | None = None
    failure_workflow: str | None = None
    failure_workflow_version: Int64 | None = None
    input_parameters: list[str] = msgspec.field(default_factory=list)
    input_schema: SchemaDef | None = None
    input_template: JsonMap = msgspec.field(default_factory=dict)
    masked_fields: list[str] = msgspec.field(default_factory=list)
    metadata: JsonMap = msgspec.field(default_factory=dict)
    output_parameters: JsonMap = msgspec.field(default_factory=dict)
    output_schema: SchemaDef | None = None
    owner_app: str | None = None
    owner_email: str | None = None
    rate_limit_config: RateLimitConfig | None = None
    restartable: bool | None = None
    schema_version: Int64 | None = None
    timeout_policy: WorkflowDefTimeoutPolicy | None = None
    timeout_seconds: Int64 | None = None
    update_time: Int64 | None = None
    updated_by: str | None = None
    variables: JsonMap = msgspec.field(default_factory=dict)
    version: Int64 | None = None
    workflow_status_listener_enabled: bool | None = None
    workflow_status_listener_sink: str | None = None


# Here, since models refer to each other in circles.

from ..models.cache_config import CacheConfig
from ..models.json_map import JsonMap
from ..models.rate_limit_config import RateLimitConfig
from ..models.schema_def import SchemaDef
from ..models.workflow_def_timeout_policy import WorkflowDefTimeoutPolicy
from ..models.workflow_task import WorkflowTask
