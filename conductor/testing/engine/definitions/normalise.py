"""Definitions as the server stores them: without unknown members, and with the defaults."""

from __future__ import annotations

import copy
from typing import Any

from conductor.server_defaults import CACHE_CONFIG, RATE_LIMIT_CONFIG, SCHEMA_DEF, TASK_DEF, WORKFLOW_DEF, WORKFLOW_TASK
from conductor.testing.engine.records.records import Wire
from conductor.testing.engine.records.refusals import Refusal
from conductor.testing.engine.records.sizes import check_definition_depth

_STAMPS = ("ownerApp", "createdBy", "updatedBy", "createTime", "updateTime")
_INNER = {
    "inputSchema": SCHEMA_DEF,
    "outputSchema": SCHEMA_DEF,
    "cacheConfig": CACHE_CONFIG,
    "rateLimitConfig": RATE_LIMIT_CONFIG,
}
"""Members that are objects with defaults of their own."""
_TASK_DEF_OPTIONAL = (
    *("name", "description", "concurrentExecLimit", "isolationGroupId", "executionNameSpace", "ownerEmail"),
    *("pollTimeoutSeconds", "baseType", "inputSchema", "outputSchema", *_STAMPS),
)
_WORKFLOW_DEF_OPTIONAL = (
    *("name", "description", "failureWorkflow", "failureWorkflowVersion", "ownerEmail", "rateLimitConfig"),
    *("workflowStatusListenerSink", "inputSchema", "outputSchema", "cacheConfig"),
    *_STAMPS,
)
_WORKFLOW_TASK_OPTIONAL = (
    *("name", "taskReferenceName", "description", "dynamicTaskNameParam", "scriptExpression", "subWorkflowParam"),
    *("sink", "taskDefinition", "rateLimited", "loopCondition", "items", "retryCount", "evaluatorType", "expression"),
    *("caseValueParam", "caseExpression", "joinStatus", "cacheConfig", "joinMode", "defaultExclusiveJoinTask"),
    *("dynamicForkTasksParam", "dynamicForkTasksInputParamName", "dynamicForkJoinTasksParam"),
)


def _normalise(given: Wire, defaults: Wire, optional: tuple[str, ...]) -> Wire:
    """The known members of what was sent, the defaults where they are missing or null."""
    found = {name: given[name] for name in (*defaults, *optional) if given.get(name) is not None}
    found |= {name: {**_INNER[name], **found[name]} for name in _INNER if name in found}
    return {**copy.deepcopy(defaults), **found}


def normalise_task_def(given: Wire) -> Wire:
    """The definition as the server stores it. Refusal 400 for one that is nested too deep."""
    check_definition_depth(given)
    return _normalise(given, TASK_DEF, _TASK_DEF_OPTIONAL)


def normalise_workflow_def(given: Wire) -> Wire:
    """The definition as the server stores it. Refusal 400 for one that is nested too deep."""
    check_definition_depth(given)
    definition = _normalise(given, WORKFLOW_DEF, _WORKFLOW_DEF_OPTIONAL)
    definition["tasks"] = [normalise_step(task) for task in definition["tasks"]]
    return definition


def normalise_step(given: Wire) -> Wire:
    """A task of a definition, with the tasks inside of it."""
    task = _normalise(_with_type(given), WORKFLOW_TASK, _WORKFLOW_TASK_OPTIONAL)
    cases = task["decisionCases"]
    task["decisionCases"] = {case: [normalise_step(inner) for inner in cases[case]] for case in cases}
    task["forkTasks"] = [[normalise_step(inner) for inner in branch] for branch in task["forkTasks"]]
    for sequence in ("defaultCase", "loopOver"):
        task[sequence] = [normalise_step(inner) for inner in task[sequence]]
    if "subWorkflowParam" in task:
        task["subWorkflowParam"] = _normalise_sub_workflow(task["subWorkflowParam"])
    if "taskDefinition" in task:
        task["taskDefinition"] = {"createTime": 0, "updateTime": 0, **normalise_task_def(task["taskDefinition"])}
    return task


def _normalise_sub_workflow(given: Wire) -> Wire:
    """A definition in it, if it is no expression, gives the name and the version. Refusal 500, as for wrong JSON."""
    inline = given.get("workflowDefinition")
    if isinstance(inline, dict):
        definition = {"createTime": 0, "updateTime": 0, **normalise_workflow_def(inline)}
        named = {"name": definition.get("name"), "version": definition["version"]}
        return {**given, **named, "workflowDefinition": definition}
    if isinstance(inline, str) and not (inline.startswith("${") and inline.endswith("}")):
        raise Refusal(500, "JSON parse error: workflowDefinition is a string, but not a valid DSL string")
    if not isinstance(inline, str | None):
        text = "JSON parse error: workflowDefinition must be either null, or WorkflowDef, or a valid DSL string"
        raise Refusal(500, text)
    return given


def _with_type(given: Wire) -> Wire:
    """The type of a step has two names. Of both, the last one counts."""
    names = [name for name in given if name in {"type", "workflowTaskType"} and given[name] is not None]
    return {**given, "type": given[names[-1]]} if names else given


def ad_hoc_task_def(step: Wire) -> Wire:
    """The definition of a task that has none. Types of the server itself are never retried."""
    system: dict[str, Any] = {} if step["type"] == "SIMPLE" else {"retryCount": 0, "responseTimeoutSeconds": 0}
    return {"createTime": 0, "updateTime": 0, **normalise_task_def({"name": step["name"], **system})}
