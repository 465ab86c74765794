"""Workflows and workers that a workflow needs, and the limits in task definitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from conductor import server_defaults
from conductor.binding.inputs import problem_with
from conductor.linting.findings import Faults, nearest
from conductor.linting.flow import Step
from conductor.linting.scope import Scope
from conductor.models import WorkflowTaskType
from conductor.worker import Worker

_LEAST = {
    "retryCount": 0,
    "responseTimeoutSeconds": 1,
    "backoffScaleFactor": 1,
    "pollTimeoutSeconds": 0,
    "totalTimeoutSeconds": 0,
    "maxRetryDelaySeconds": 0,
    "backoffJitterMs": 0,
}
_LIMITS = (("responseTimeoutSeconds", "timeoutSeconds"), ("timeoutSeconds", "totalTimeoutSeconds"))


def sub_workflow_faults(scope: Scope) -> Faults:
    """The names of workflows that are not among the definitions."""
    for step in scope.steps:
        param = step.wire.get("subWorkflowParam") or {}
        if step.kind == "SUB_WORKFLOW" and not param.get("workflowDefinition"):
            path = f"{step.path}.subWorkflowParam"
            yield from _unknown_workflow(scope, path, param.get("name"), param.get("version"))
    name, version = scope.wire.get("failureWorkflow"), scope.wire.get("failureWorkflowVersion")
    yield from _unknown_workflow(scope, ".failureWorkflow", name, version)


def _unknown_workflow(scope: Scope, path: str, name: Any, version: Any) -> Faults:
    if not isinstance(name, str) or not name or name.startswith("$"):
        return
    versions = scope.known.versions.get(name)
    if versions is None:
        yield "warning", path, f"no workflow {name!r} is among these definitions"
    elif version is not None and version not in versions:
        yield "warning", path, f"no version {version} of workflow {name!r} is among these definitions"


def worker_faults(scope: Scope, workers: Sequence[Worker]) -> Faults:
    """Tasks that none of the workers takes, and inputs that their functions do not take."""
    for step in scope.steps:
        if not _is_for_workers(step):
            continue
        task_name = step.name if step.kind == "SIMPLE" else step.kind
        functions = [worker.execute for worker in workers if worker.task_name == task_name]
        if not functions:
            like = nearest(task_name, (worker.task_name for worker in workers))
            yield "warning", step.path, f"no worker of these modules takes the task {task_name!r}{like}"
            continue
        problems = [problem_with(function, scope.known.inputs(step)) for function in functions]
        if all(problems):  # those of other domains may take others
            yield "error", f"{step.path}.inputParameters", f"the worker of {task_name!r}: {problems[0]}"


def _is_for_workers(step: Step) -> bool:
    return step.kind == "SIMPLE" or step.kind not in WorkflowTaskType.__members__


def task_definition_faults(wire: dict[str, Any]) -> Faults:
    """The values of a task definition that a server refuses (3.32.3)."""
    if not wire["name"]:
        yield "error", ".name", "it is empty"
    values = {name: value for name, value in wire.items() if value is not None}
    given = {**server_defaults.TASK_DEF, **values}
    for name, least in _LEAST.items():
        if given.get(name, least) < least:
            yield "error", f".{name}", f"it must be {least} or more"
    for inner, outer in _LIMITS:
        if 0 < given[outer] < given[inner]:
            default = "" if inner in values else ", the default"
            yield (
                "error",
                f".{inner}",
                f"it must not exceed {outer}: {given[inner]:g} s{default}, and {given[outer]:g} s",
            )
