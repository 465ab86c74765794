from __future__ import annotations

from typing import Any

import msgspec

from ..base import Definition, Int64


class SubWorkflowParams(Definition, kw_only=True):
    idempotency_key: str | None = None
    idempotency_strategy: IdempotencyStrategy | None = None
    name: str | None = None
    priority: Any = None
    task_to_domain: StringMap = msgspec.field(default_factory=dict)
    version: Int64 | None = None
    workflow_definition: Any = None


# Here, since models refer to each other in circles.

from ..models.idempotency_strategy import IdempotencyStrategy
from ..models.string_map import StringMap
