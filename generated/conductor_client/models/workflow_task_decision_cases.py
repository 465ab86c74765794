from __future__ import annotations

from ..models.workflow_task import WorkflowTask

WorkflowTaskDecisionCases = dict[str, list[WorkflowTask]]
