"""The step of a workflow that calls a worker function. Its inputs are checked against the function's parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from conductor._output import output_data
from conductor.binding.inputs import problem_with
from conductor.errors import ConfigurationError
from conductor.models import WorkflowTask, WorkflowTaskType
from conductor.worker import checked_name


def workflow_step(
    task_name: str, execute: Callable[..., Any], task_ref_name: str, inputs: Mapping[str, Any]
) -> WorkflowTask:
    """The step. ConfigurationError names an input that the function does not take, needs, or cannot convert."""
    ref = checked_name("task_ref_name", task_ref_name)
    plain = output_data(dict(inputs), f"step({ref!r})")[0]
    if problem := problem_with(execute, plain):
        raise ConfigurationError(f"step({ref!r}) of {task_name!r}: {problem}")
    return WorkflowTask(task_name, ref, input_parameters=plain, type=WorkflowTaskType.SIMPLE)
