"""Conductor workers in Python: write a function, and a TaskRunner polls tasks for it and delivers its results."""

import importlib
from typing import TYPE_CHECKING, Any

from conductor._version import __version__ as __version__
from conductor.errors import (
    ApiError as ApiError,
    AuthenticationError as AuthenticationError,
    ConductorError as ConductorError,
    ConfigurationError as ConfigurationError,
    ConflictError as ConflictError,
    DecodeError as DecodeError,
    NonRetryableError as NonRetryableError,
    NotFoundError as NotFoundError,
    RateLimitedError as RateLimitedError,
    ServerError as ServerError,
    TransportError as TransportError,
)
from conductor.executor import TaskExecutor as TaskExecutor
from conductor.models import (
    ExternalStorageLocation as ExternalStorageLocation,
    PollData as PollData,
    SearchResult as SearchResult,
    Task as Task,
    TaskDef as TaskDef,
    TaskDefRetryLogic as TaskDefRetryLogic,
    TaskDefTimeoutPolicy as TaskDefTimeoutPolicy,
    TaskExecLog as TaskExecLog,
    TaskResultStatus as TaskResultStatus,
    TaskStatus as TaskStatus,
    Workflow as Workflow,
    WorkflowDef as WorkflowDef,
    WorkflowStatus as WorkflowStatus,
    WorkflowTask as WorkflowTask,
)
from conductor.runner.execute import TaskContext as TaskContext, task_context as task_context
from conductor.runner.task_runner import TaskRunner as TaskRunner
from conductor.settings import (
    AuthenticationSettings as AuthenticationSettings,
    HttpSettings as HttpSettings,
    MetricsSettings as MetricsSettings,
)
from conductor.task_result import TaskResult as TaskResult
from conductor.transport import ApiClient as ApiClient
from conductor.workflow_executor import WorkflowExecutor as WorkflowExecutor

if TYPE_CHECKING:
    from conductor.metrics import (
        MetricsCollector as MetricsCollector,
        MetricsServer as MetricsServer,
        provide_metrics as provide_metrics,
    )
    from conductor.runner.process_pool import process_pool as process_pool

_METRICS = ("MetricsCollector", "MetricsServer", "provide_metrics")
_LATER = dict.fromkeys(_METRICS, "conductor.metrics") | {"process_pool": "conductor.runner.process_pool"}
_OURS = ("conductor.", "conductor_client.")

if not TYPE_CHECKING:  # they go by the ``as`` above, which a list in writing would repeat
    __all__ = [name for name, each in globals().items() if getattr(each, "__module__", "").startswith(_OURS)]
    __all__ += [*_LATER]  # noqa: PLE0604 - its keys are strings


def __getattr__(name: str) -> Any:
    """What brings in prometheus_client or multiprocessing is loaded by its first use: half the time of this import."""
    if name in _LATER:
        return getattr(importlib.import_module(_LATER[name]), name)
    raise AttributeError(f"module 'conductor' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
