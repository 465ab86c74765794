"""Conductor workers in Python. A TaskRunner polls tasks, calls your functions and delivers their results."""

import importlib
from typing import TYPE_CHECKING, Any

from conductor._version import __version__ as __version__
from conductor.context import TaskContext, current_task, task_context
from conductor.errors import (
    ApiError,
    AuthenticationError,
    ConductorError,
    ConfigurationError,
    ConflictError,
    DecodeError,
    InvalidInputError,
    NonRetryableError,
    NotFoundError,
    PayloadError,
    RateLimitedError,
    ServerError,
    TransportError,
    WorkflowNotCompletedError,
)
from conductor.executor import TaskExecutor
from conductor.hooks.interceptor import Interceptor
from conductor.logs import TaskFilter
from conductor.models import (
    CacheConfig,
    ExternalStorageLocation,
    IdempotencyStrategy,
    PollData,
    RateLimitConfig,
    RateLimitConfigPolicy,
    SchemaDef,
    SchemaDefType,
    SearchResult,
    StateChangeEvent,
    SubWorkflowParams,
    Task,
    TaskDef,
    TaskDefRetryLogic,
    TaskDefTimeoutPolicy,
    TaskExecLog,
    TaskResultStatus,
    TaskStatus,
    Workflow,
    WorkflowDef,
    WorkflowDefTimeoutPolicy,
    WorkflowStatus,
    WorkflowTask,
    WorkflowTaskJoinMode,
    WorkflowTaskType,
)
from conductor.payload_settings import PayloadSettings
from conductor.runner.check import Problem
from conductor.runner.task_runner import TaskRunner
from conductor.settings import AuthenticationSettings, HttpSettings, MetricsSettings
from conductor.task_result import TaskResult
from conductor.transport import ApiClient
from conductor.worker import Worker
from conductor.worker_settings import Setting
from conductor.worker_task import WorkerFunction, worker_task
from conductor.workflow_executor import WorkflowExecutor

if TYPE_CHECKING:
    from conductor.async_executor import AsyncTaskExecutor
    from conductor.async_workflow_executor import AsyncWorkflowExecutor
    from conductor.binding.schemas import input_schema, output_schema
    from conductor.calling.process_pool import process_pool
    from conductor.metrics import MetricsCollector, MetricsServer, provide_metrics

_METRICS = ("MetricsCollector", "MetricsServer", "provide_metrics")
_SCHEMAS = ("input_schema", "output_schema")
_LATER = {
    **dict.fromkeys(_METRICS, "conductor.metrics"),
    **dict.fromkeys(_SCHEMAS, "conductor.binding.schemas"),
    "AsyncTaskExecutor": "conductor.async_executor",
    "AsyncWorkflowExecutor": "conductor.async_workflow_executor",
    "process_pool": "conductor.calling.process_pool",
}

__all__ = [
    "ApiClient",
    "ApiError",
    "AsyncTaskExecutor",
    "AsyncWorkflowExecutor",
    "AuthenticationError",
    "AuthenticationSettings",
    "CacheConfig",
    "ConductorError",
    "ConfigurationError",
    "ConflictError",
    "DecodeError",
    "ExternalStorageLocation",
    "HttpSettings",
    "IdempotencyStrategy",
    "Interceptor",
    "InvalidInputError",
    "MetricsCollector",
    "MetricsServer",
    "MetricsSettings",
    "NonRetryableError",
    "NotFoundError",
    "PayloadError",
    "PayloadSettings",
    "PollData",
    "Problem",
    "RateLimitConfig",
    "RateLimitConfigPolicy",
    "RateLimitedError",
    "SchemaDef",
    "SchemaDefType",
    "SearchResult",
    "ServerError",
    "Setting",
    "StateChangeEvent",
    "SubWorkflowParams",
    "Task",
    "TaskContext",
    "TaskDef",
    "TaskDefRetryLogic",
    "TaskDefTimeoutPolicy",
    "TaskExecLog",
    "TaskExecutor",
    "TaskFilter",
    "TaskResult",
    "TaskResultStatus",
    "TaskRunner",
    "TaskStatus",
    "TransportError",
    "Worker",
    "WorkerFunction",
    "Workflow",
    "WorkflowDef",
    "WorkflowDefTimeoutPolicy",
    "WorkflowExecutor",
    "WorkflowNotCompletedError",
    "WorkflowStatus",
    "WorkflowTask",
    "WorkflowTaskJoinMode",
    "WorkflowTaskType",
    "current_task",
    "input_schema",
    "output_schema",
    "process_pool",
    "provide_metrics",
    "task_context",
    "worker_task",
]


def __getattr__(name: str) -> Any:
    """Import a name at its first use if few programs need it, or if it needs a large library. This halves the time."""
    if name in _LATER:
        return getattr(importlib.import_module(_LATER[name]), name)
    raise AttributeError(f"module 'conductor' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
