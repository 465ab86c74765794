from __future__ import annotations

import msgspec

from ..base import Definition, Int64, TaskType


class _WorkflowTask(Definition):
    """The members that may be given by position."""

    name: str
    task_reference_name: str


class WorkflowTask(_WorkflowTask, kw_only=True):
    input_parameters: JsonMap = msgspec.field(default_factory=dict)
    type: TaskType | None = None
    decision_cases: WorkflowTaskDecisionCases = msgspec.field(default_factory=dict)
    default_case: list[WorkflowTask] = msgspec.field(default_factory=list)
    fork_tasks: list[list[WorkflowTask]] = msgspec.field(default_factory=list)
    start_delay: Int64 | None = None
    join_on: list[str] = msgspec.field(default_factory=list)
    optional: bool | None = None
    task_definition: TaskDef | None = None
    default_exclusive_join_task: list[str] = msgspec.field(default_factory=list)
    async_complete: bool | None = None
    loop_over: list[WorkflowTask] = msgspec.field(default_factory=list)
    on_state_change: WorkflowTaskOnStateChange = msgspec.field(default_factory=dict)
    permissive: bool | None = None
    metadata: JsonMap = msgspec.field(default_factory=dict)
    cache_config: CacheConfig | None = None
    case_expression: str | None = None
    case_value_param: str | None = None
    description: str | None = None
    dynamic_fork_join_tasks_param: str | None = None
    dynamic_fork_tasks_input_param_name: str | None = None
    dynamic_fork_tasks_param: str | None = None
    dynamic_task_name_param: str | None = None
    evaluator_type: str | None = None
    expression: str | None = None
    items: str | None = None
    join_mode: WorkflowTaskJoinMode | None = None
    join_status: str | None = None
    loop_condition: str | None = None
    rate_limited: bool | None = None
    retry_count: Int64 | None = None
    script_expression: str | None = None
    sink: str | None = None
    sub_workflow_param: SubWorkflowParams | None = None
    workflow_task_type: WorkflowTaskType | None = None


# Here, since models refer to each other in circles.

from ..models.cache_config import CacheConfig
from ..models.json_map import JsonMap
from ..models.sub_workflow_params import SubWorkflowParams
from ..models.task_def import TaskDef
from ..models.workflow_task_decision_cases import WorkflowTaskDecisionCases
from ..models.workflow_task_join_mode import WorkflowTaskJoinMode
from ..models.workflow_task_on_state_change import WorkflowTaskOnStateChange
from ..models.workflow_task_type import WorkflowTaskType
