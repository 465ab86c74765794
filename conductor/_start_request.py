"""The request that starts a workflow: made from checked arguments, and counted if it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypedDict, TypeVar

from conductor import _recording
from conductor._arguments import one_of, optional_text, whole_number
from conductor._output import output_data
from conductor.errors import ConductorError, ConfigurationError
from conductor.models import IdempotencyStrategy, StartWorkflowRequest, Strategy
from conductor.worker import checked_name, checked_task_to_domain

T = TypeVar("T")


class StartOptions(TypedDict, total=False):
    """The options of ``WorkflowExecutor.start_workflow`` by name."""

    version: int | None
    correlation_id: str | None
    task_to_domain: Mapping[str, str] | None
    priority: int
    idempotency_key: str | None
    idempotency_strategy: Strategy | None


def start_request(
    name: str,
    given: Any,
    *,
    version: int | None,
    correlation_id: str | None,
    task_to_domain: Mapping[str, str] | None,
    priority: int,
    idempotency_key: str | None,
    idempotency_strategy: Strategy | None,
) -> StartWorkflowRequest:
    """The checked request; the size of the input is recorded. ConfigurationError names an argument that cannot work."""
    data, size = output_data(given, "input")
    request = StartWorkflowRequest(
        name=name,
        version=optional_version(version),
        correlation_id=optional_text("correlation_id", correlation_id),
        input=data,
        task_to_domain=checked_task_to_domain(task_to_domain),
        priority=whole_number("priority", priority, 0, 99),
        idempotency_key=None if idempotency_key is None else checked_name("idempotency_key", idempotency_key),
    )
    if idempotency_strategy is not None:
        if request.idempotency_key is None:
            raise ConfigurationError("idempotency_key must be given with an idempotency_strategy")
        strategy = one_of("idempotency_strategy", idempotency_strategy, tuple(IdempotencyStrategy))
        request.idempotency_strategy = IdempotencyStrategy(strategy)
    _recording.input_size.observe(size, request.name, "" if version is None else str(request.version))
    return request


def optional_version(version: int | None) -> int | None:
    return None if version is None else whole_number("version", version, 0)


def counted(request: StartWorkflowRequest, start: Callable[[], T]) -> T:
    """Call the function; count its error if it raises one."""
    try:
        return start()
    except ConductorError as error:
        _recording.start_errors.count_error(error, request.name)
        raise
