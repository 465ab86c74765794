from __future__ import annotations

from ..models.workflow import Workflow

CorrelatedWorkflows = dict[str, list[Workflow]]
