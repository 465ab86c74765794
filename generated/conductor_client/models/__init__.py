"""Contains all the data models used in inputs/outputs"""

from .aggregate_token_usage import AggregateTokenUsage
from .bulk_response_string import BulkResponseString
from .cache_config import CacheConfig
from .correlated_workflows import CorrelatedWorkflows
from .execution_metadata import ExecutionMetadata
from .external_storage_location import ExternalStorageLocation
from .generate_token_request import GenerateTokenRequest
from .generate_token_response import GenerateTokenResponse
from .idempotency_strategy import IdempotencyStrategy
from .int_map import IntMap
from .json_map import JsonMap
from .poll_data import PollData
from .queue_details import QueueDetails
from .queue_shards import QueueShards
from .queue_sizes import QueueSizes
from .rate_limit_config import RateLimitConfig
from .rate_limit_config_policy import RateLimitConfigPolicy
from .rerun_workflow_request import RerunWorkflowRequest
from .schema_def import SchemaDef
from .schema_def_type import SchemaDefType
from .search_result_task import SearchResultTask
from .search_result_task_summary import SearchResultTaskSummary
from .search_result_workflow_summary import SearchResultWorkflowSummary
from .signal_response import SignalResponse
from .signal_response_response_type import SignalResponseResponseType
from .start_workflow_request import StartWorkflowRequest
from .state_change_event import StateChangeEvent
from .string_map import StringMap
from .sub_workflow_params import SubWorkflowParams
from .task import Task
from .task_def import TaskDef
from .task_def_retry_logic import TaskDefRetryLogic
from .task_def_timeout_policy import TaskDefTimeoutPolicy
from .task_exec_log import TaskExecLog
from .task_result import TaskResult
from .task_result_status import TaskResultStatus
from .task_status import TaskStatus
from .task_summary import TaskSummary
from .workflow import Workflow
from .workflow_def import WorkflowDef
from .workflow_def_timeout_policy import WorkflowDefTimeoutPolicy
from .workflow_return_strategy import WorkflowReturnStrategy
from .workflow_status import WorkflowStatus
from .workflow_status_summary import WorkflowStatusSummary
from .workflow_summary import WorkflowSummary
from .workflow_task import WorkflowTask
from .workflow_task_decision_cases import WorkflowTaskDecisionCases
from .workflow_task_join_mode import WorkflowTaskJoinMode
from .workflow_task_on_state_change import WorkflowTaskOnStateChange
from .workflow_task_type import WorkflowTaskType

__all__ = (
    "AggregateTokenUsage",
    "BulkResponseString",
    "CacheConfig",
    "CorrelatedWorkflows",
    "ExecutionMetadata",
    "ExternalStorageLocation",
    "GenerateTokenRequest",
    "GenerateTokenResponse",
    "IdempotencyStrategy",
    "IntMap",
    "JsonMap",
    "PollData",
    "QueueDetails",
    "QueueShards",
    "QueueSizes",
    "RateLimitConfig",
    "RateLimitConfigPolicy",
    "RerunWorkflowRequest",
    "SchemaDef",
    "SchemaDefType",
    "SearchResultTask",
    "SearchResultTaskSummary",
    "SearchResultWorkflowSummary",
    "SignalResponse",
    "SignalResponseResponseType",
    "StartWorkflowRequest",
    "StateChangeEvent",
    "StringMap",
    "SubWorkflowParams",
    "Task",
    "TaskDef",
    "TaskDefRetryLogic",
    "TaskDefTimeoutPolicy",
    "TaskExecLog",
    "TaskResult",
    "TaskResultStatus",
    "TaskStatus",
    "TaskSummary",
    "Workflow",
    "WorkflowDef",
    "WorkflowDefTimeoutPolicy",
    "WorkflowReturnStrategy",
    "WorkflowStatus",
    "WorkflowStatusSummary",
    "WorkflowSummary",
    "WorkflowTask",
    "WorkflowTaskDecisionCases",
    "WorkflowTaskJoinMode",
    "WorkflowTaskOnStateChange",
    "WorkflowTaskType",
)
