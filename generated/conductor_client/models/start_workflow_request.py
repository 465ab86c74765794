from __future__ import annotations

import msgspec

from ..base import Int64, Model


class _StartWorkflowRequest(Model):
    """The members that may be given by position."""

    name: str


class StartWorkflowRequest(_StartWorkflowRequest, kw_only=True):
    correlation_id: str | None = None
    created_by: str | None = None
    external_input_payload_storage_path: str | None = None
    idempotency_key: str | None = None
    idempotency_strategy: IdempotencyStrategy | None = None
    input: JsonMap = msgspec.field(default_factory=dict)
    priority: Int64 | None = None
    task_to_domain: StringMap = msgspec.field(default_factory=dict)
    version: Int64 | None = None
    workflow_def: WorkflowDef | None = None


# Here, since models refer to each other in circles.

from ..models.idempotency_strategy import IdempotencyStrategy
from ..models.json_map import JsonMap
from ..models.string_map import StringMap
from ..models.workflow_def import WorkflowDef
