"""Conductor workers in Python: write a function, and a TaskRunner polls tasks for it and delivers its results."""

from typing import TYPE_CHECKING, Any

from conductor.errors import (
    ApiError,
    AuthenticationError,
    ConductorError,
    ConfigurationError,
    ConflictError,
    DecodeError,
    NonRetryableError,
    NotFoundError,
    RateLimitedError,
    ServerError,
    TransportError,
)
from conductor.executor import TaskExecutor, WorkflowExecutor
from conductor.models import (
    Task,
    TaskDef,
    TaskExecLog,
    TaskResultStatus,
    TaskStatus,
    Workflow,
    WorkflowDef,
    WorkflowTask,
)
from conductor.runner.execute import TaskContext, task_context
from conductor.runner.task_runner import TaskRunner
from conductor.settings import AuthenticationSettings, HttpSettings, MetricsSettings
from conductor.task_result import TaskResult
from conductor.transport import ApiClient

if TYPE_CHECKING:
    from conductor.metrics import MetricsCollector, MetricsServer, provide_metrics

__all__ = [
    "ApiClient",
    "ApiError",
    "AuthenticationError",
    "AuthenticationSettings",
    "ConductorError",
    "ConfigurationError",
    "ConflictError",
    "DecodeError",
    "HttpSettings",
    "MetricsCollector",
    "MetricsServer",
    "MetricsSettings",
    "NonRetryableError",
    "NotFoundError",
    "RateLimitedError",
    "ServerError",
    "Task",
    "TaskContext",
    "TaskDef",
    "TaskExecLog",
    "TaskExecutor",
    "TaskResult",
    "TaskResultStatus",
    "TaskRunner",
    "TaskStatus",
    "TransportError",
    "Workflow",
    "WorkflowDef",
    "WorkflowExecutor",
    "WorkflowTask",
    "provide_metrics",
    "task_context",
]


def __getattr__(name: str) -> Any:
    """What brings in prometheus_client is loaded by its first use: that is a third of the time of this import."""
    if name in {"MetricsCollector", "MetricsServer", "provide_metrics"}:
        from conductor import metrics  # noqa: PLC0415

        return getattr(metrics, name)
    raise AttributeError(f"module 'conductor' has no attribute {name!r}")
