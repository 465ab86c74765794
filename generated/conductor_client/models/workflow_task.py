from __future__ import annotations

import msgspec


class WorkflowTask(msgspec.Struct, rename="camel", omit_defaults=True):
    name: str
    task_reference_name: str
    async_complete: bool | None = None
    cache_config: CacheConfig | None = None
    case_expression: str | None = None
    case_value_param: str | None = None
    decision_cases: WorkflowTaskDecisionCases = msgspec.field(default_factory=dict)
    default_case: list[WorkflowTask] = msgspec.field(default_factory=list)
    default_exclusive_join_task: list[str] = msgspec.field(default_factory=list)
    description: str | None = None
    dynamic_fork_join_tasks_param: str | None = None
    dynamic_fork_tasks_input_param_name: str | None = None
    dynamic_fork_tasks_param: str | None = None
    dynamic_task_name_param: str | None = None
    evaluator_type: str | None = None
    expression: str | None = None
    fork_tasks: list[list[WorkflowTask]] = msgspec.field(default_factory=list)
    input_parameters: JsonMap = msgspec.field(default_factory=dict)
    items: str | None = None
    join_mode: WorkflowTaskJoinMode | None = None
    join_on: list[str] = msgspec.field(default_factory=list)
    join_status: str | None = None
    loop_condition: str | None = None
    loop_over: list[WorkflowTask] = msgspec.field(default_factory=list)
    metadata: JsonMap = msgspec.field(default_factory=dict)
    on_state_change: WorkflowTaskOnStateChange = msgspec.field(default_factory=dict)
    optional: bool | None = None
    permissive: bool | None = None
    rate_limited: bool | None = None
    retry_count: int | None = None
    script_expression: str | None = None
    sink: str | None = None
    start_delay: int | None = None
    sub_workflow_param: SubWorkflowParams | None = None
    task_definition: TaskDef | None = None
    type: str | None = None
    workflow_task_type: WorkflowTaskWorkflowTaskType | None = None


# Here, since models refer to each other in circles.

from ..models.cache_config import CacheConfig
from ..models.json_map import JsonMap
from ..models.sub_workflow_params import SubWorkflowParams
from ..models.task_def import TaskDef
from ..models.workflow_task_decision_cases import WorkflowTaskDecisionCases
from ..models.workflow_task_join_mode import WorkflowTaskJoinMode
from ..models.workflow_task_on_state_change import WorkflowTaskOnStateChange
from ..models.workflow_task_workflow_task_type import WorkflowTaskWorkflowTaskType
