"""Conductor workers in Python. A TaskRunner polls tasks, calls your functions and delivers their results."""

import importlib
from typing import TYPE_CHECKING, Any

from conductor._version import __version__ as __version__

if TYPE_CHECKING:
    from conductor.async_executor import AsyncTaskExecutor
    from conductor.async_workflow_executor import AsyncWorkflowExecutor
    from conductor.binding.schemas import input_schema, output_schema
    from conductor.calling.process_pool import process_pool
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
    from conductor.health import Health, LastError, OutboxHealth, Rates, Reason, ReasonCode, RunningTask, WorkerHealth
    from conductor.hooks.interceptor import Interceptor
    from conductor.logs import JsonFormatter, TaskFilter
    from conductor.metrics import MetricsCollector, MetricsServer, provide_metrics
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
    from conductor.worker_function import WorkerFunction, worker_task
    from conductor.worker_settings import Setting
    from conductor.workflow_executor import WorkflowExecutor

_NAMES = {
    "conductor.async_executor": ("AsyncTaskExecutor",),
    "conductor.async_workflow_executor": ("AsyncWorkflowExecutor",),
    "conductor.binding.schemas": ("input_schema", "output_schema"),
    "conductor.calling.process_pool": ("process_pool",),
    "conductor.context": ("TaskContext", "current_task", "task_context"),
    "conductor.errors": (
        "ApiError",
        "AuthenticationError",
        "ConductorError",
        "ConfigurationError",
        "ConflictError",
        "DecodeError",
        "InvalidInputError",
        "NonRetryableError",
        "NotFoundError",
        "PayloadError",
        "RateLimitedError",
        "ServerError",
        "TransportError",
        "WorkflowNotCompletedError",
    ),
    "conductor.executor": ("TaskExecutor",),
    "conductor.health": (
        "Health",
        "LastError",
        "OutboxHealth",
        "Rates",
        "Reason",
        "ReasonCode",
        "RunningTask",
        "WorkerHealth",
    ),
    "conductor.hooks.interceptor": ("Interceptor",),
    "conductor.logs": ("JsonFormatter", "TaskFilter"),
    "conductor.metrics": ("MetricsCollector", "MetricsServer", "provide_metrics"),
    "conductor.models": (
        "CacheConfig",
        "ExternalStorageLocation",
        "IdempotencyStrategy",
        "PollData",
        "RateLimitConfig",
        "RateLimitConfigPolicy",
        "SchemaDef",
        "SchemaDefType",
        "SearchResult",
        "StateChangeEvent",
        "SubWorkflowParams",
        "Task",
        "TaskDef",
        "TaskDefRetryLogic",
        "TaskDefTimeoutPolicy",
        "TaskExecLog",
        "TaskResultStatus",
        "TaskStatus",
        "Workflow",
        "WorkflowDef",
        "WorkflowDefTimeoutPolicy",
        "WorkflowStatus",
        "WorkflowTask",
        "WorkflowTaskJoinMode",
        "WorkflowTaskType",
    ),
    "conductor.payload_settings": ("PayloadSettings",),
    "conductor.runner.check": ("Problem",),
    "conductor.runner.task_runner": ("TaskRunner",),
    "conductor.settings": ("AuthenticationSettings", "HttpSettings", "MetricsSettings"),
    "conductor.task_result": ("TaskResult",),
    "conductor.transport": ("ApiClient",),
    "conductor.worker": ("Worker",),
    "conductor.worker_function": ("WorkerFunction", "worker_task"),
    "conductor.worker_settings": ("Setting",),
    "conductor.workflow_executor": ("WorkflowExecutor",),
}
_PLACES = {name: module for module, names in _NAMES.items() for name in names}
_METHODS_OF_MODELS = ("conductor.binding.typed", "conductor.definitions")
"""The modules that give the models their methods ``input_as`` and ``from_json``."""

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
    "Health",
    "HttpSettings",
    "IdempotencyStrategy",
    "Interceptor",
    "InvalidInputError",
    "JsonFormatter",
    "LastError",
    "MetricsCollector",
    "MetricsServer",
    "MetricsSettings",
    "NonRetryableError",
    "NotFoundError",
    "OutboxHealth",
    "PayloadError",
    "PayloadSettings",
    "PollData",
    "Problem",
    "RateLimitConfig",
    "RateLimitConfigPolicy",
    "RateLimitedError",
    "Rates",
    "Reason",
    "ReasonCode",
    "RunningTask",
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
    "WorkerHealth",
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
    """Import a name at its first use: no program needs all of them, and a process of a ``process_pool`` needs few."""
    if name not in _PLACES:
        raise AttributeError(f"module 'conductor' has no attribute {name!r}")
    if _PLACES[name] == "conductor.models":
        for module in _METHODS_OF_MODELS:
            importlib.import_module(module)
    value = globals()[name] = getattr(importlib.import_module(_PLACES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})
