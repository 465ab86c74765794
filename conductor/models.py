"""Conductor's own data types, as generated from its OpenAPI document, and the wire's units."""

from __future__ import annotations

from conductor_client.models import (
    ExternalStorageLocation,
    GenerateTokenRequest,
    PollData,
    StartWorkflowRequest,
    Task,
    TaskDef,
    TaskExecLog,
    TaskResult,
    TaskResultStatus,
    TaskStatus,
    Workflow,
    WorkflowDef,
    WorkflowStatus,
    WorkflowStatusSummary,
    WorkflowTask,
)
from conductor_client.models import SearchResultTaskSummary as SearchResult
from conductor_client.models import SearchResultWorkflowSummary as WorkflowSearchResult

__all__ = [
    "ExternalStorageLocation",
    "GenerateTokenRequest",
    "PollData",
    "SearchResult",
    "StartWorkflowRequest",
    "Task",
    "TaskDef",
    "TaskExecLog",
    "TaskResult",
    "TaskResultStatus",
    "TaskStatus",
    "Workflow",
    "WorkflowDef",
    "WorkflowSearchResult",
    "WorkflowStatus",
    "WorkflowStatusSummary",
    "WorkflowTask",
    "milliseconds",
]


def milliseconds(seconds: float) -> int:
    """The wire's unit of time."""
    return round(seconds * 1000)
