"""Inputs and outputs as values of a type that the caller names."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal

from conductor_client import base

from conductor.binding.convert import Converter, DoesNotFitError, convert_object, converter
from conductor.binding.fields import names_of_fields
from conductor.errors import ConfigurationError, DecodeError, InvalidInputError, WorkflowNotCompletedError
from conductor.models import Task, TaskStatus, Workflow, WorkflowStatus

Read = Callable[[str, Literal["WORKFLOW_OUTPUT"]], dict[str, Any]]
"""Fetches the payload at a path of the server's external storage."""


def require_readable(name: str, kind: Any) -> None:
    """ConfigurationError, naming the argument, unless values of the type can be made from JSON."""
    try:
        _converter(kind)
    except ConfigurationError as error:
        raise ConfigurationError(f"{name}: {error}") from None


def output_of(workflow: Workflow, output_type: Any, read: Read) -> Any:
    """The output of a completed workflow as a value of the type.

    Raises WorkflowNotCompletedError, DecodeError if the output does not fit, and the errors of ``read``.
    """
    if workflow.status != WorkflowStatus.COMPLETED:
        raise WorkflowNotCompletedError(
            workflow.workflow_id or "", workflow.status or "", workflow.reason_for_incompletion or _waits_for(workflow)
        )
    path = workflow.external_output_payload_storage_path
    output = read(path, "WORKFLOW_OUTPUT") if path else workflow.output
    try:
        return _converter(output_type)(output)
    except DoesNotFitError as error:
        raise DecodeError(f"the output of workflow {workflow.workflow_id} does not fit: {error}") from None


def _waits_for(workflow: Workflow) -> str:
    """The tasks that are in their queue since they were made, which is how a wrong task name shows."""
    names = {
        f"{task.task_def_name}"
        for task in workflow.tasks or ()
        if task.status == TaskStatus.SCHEDULED and not task.poll_count and not task.retry_count
    }
    return f"no worker has taken {', '.join(sorted(names))} yet" if names else ""


def _input_of(task: Task, input_type: Any) -> Any:
    """The code of ``Task.input_as``."""
    try:
        return _converter(input_type)(task.input_data)
    except DoesNotFitError as error:
        raise InvalidInputError(f"{error}") from None


base.read_input = _input_of  # given to the generated structs, which know no errors of this package


def _object_converter(kind: Any) -> Converter:
    convert = converter(kind)
    fields = names_of_fields(kind)
    return lambda members: convert_object(convert, members, fields)


_kept = lru_cache(maxsize=256)(_object_converter)


def _converter(kind: Any) -> Converter:
    """The converter of an object to the type, kept for the next time."""
    try:
        hash(kind)
    except TypeError:  # Annotated with something that has no hash
        return _object_converter(kind)
    return _kept(kind)
