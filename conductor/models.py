"""Conductor's own data types, as generated from its OpenAPI document, and the wire's units."""

from __future__ import annotations

from conductor_client.models import (
    ExternalStorageLocation as ExternalStorageLocation,
    GenerateTokenRequest as GenerateTokenRequest,
    PollData as PollData,
    RerunWorkflowRequest as RerunWorkflowRequest,
    SearchResultTaskSummary,
    SearchResultWorkflowSummary,
    StartWorkflowRequest as StartWorkflowRequest,
    Task as Task,
    TaskDef as TaskDef,
    TaskDefRetryLogic as TaskDefRetryLogic,
    TaskDefTimeoutPolicy as TaskDefTimeoutPolicy,
    TaskExecLog as TaskExecLog,
    TaskResult as TaskResult,
    TaskResultStatus as TaskResultStatus,
    TaskStatus as TaskStatus,
    Workflow as Workflow,
    WorkflowDef as WorkflowDef,
    WorkflowStatus as WorkflowStatus,
    WorkflowStatusSummary as WorkflowStatusSummary,
    WorkflowTask as WorkflowTask,
)

SearchResult = SearchResultTaskSummary
WorkflowSearchResult = SearchResultWorkflowSummary


def milliseconds(seconds: float) -> int:
    """The wire's unit of time."""
    return round(seconds * 1000)
