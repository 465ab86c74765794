"""Conductor's own data types, as generated from its OpenAPI document, how their JSON is read, and the wire's units."""

from __future__ import annotations

from conductor_client.decoding import Decoder as Decoder
from conductor_client.models import (
    CacheConfig as CacheConfig,
    ExternalStorageLocation as ExternalStorageLocation,
    GenerateTokenRequest as GenerateTokenRequest,
    IdempotencyStrategy as IdempotencyStrategy,
    PollData as PollData,
    RateLimitConfig as RateLimitConfig,
    RateLimitConfigPolicy as RateLimitConfigPolicy,
    RerunWorkflowRequest as RerunWorkflowRequest,
    SchemaDef as SchemaDef,
    SchemaDefType as SchemaDefType,
    SearchResultTaskSummary,
    SearchResultWorkflowSummary,
    StartWorkflowRequest as StartWorkflowRequest,
    StateChangeEvent as StateChangeEvent,
    SubWorkflowParams as SubWorkflowParams,
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
    WorkflowDefTimeoutPolicy as WorkflowDefTimeoutPolicy,
    WorkflowStatus as WorkflowStatus,
    WorkflowStatusSummary as WorkflowStatusSummary,
    WorkflowTask as WorkflowTask,
    WorkflowTaskJoinMode as WorkflowTaskJoinMode,
    WorkflowTaskType as WorkflowTaskType,
)
from conductor_client.models.idempotency_strategy import IdempotencyStrategyText
from conductor_client.models.task_result_status import TaskResultStatusText

SearchResult = SearchResultTaskSummary
WorkflowSearchResult = SearchResultWorkflowSummary

ResultStatus = TaskResultStatus | TaskResultStatusText
Strategy = IdempotencyStrategy | IdempotencyStrategyText
"""The member of the enumeration, or its text."""


def milliseconds(seconds: float) -> int:
    """The wire's unit of time."""
    return round(seconds * 1000)
