"""OpenTelemetry: a span for each execution. Needs the extra ``conductor-worker[otel]``.

Names follow OpenTelemetry's conventions for messaging, where processing a message is close to executing a task.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from conductor import models
from conductor._output import output_data
from conductor._version import __version__
from conductor.binding.inputs import TRACE
from conductor.hooks.interceptor import Interceptor
from conductor.models import Task, TaskResultStatus

try:
    from opentelemetry import propagate
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider, get_tracer, use_span
except ImportError as missing:
    raise ImportError("conductor.otel needs an extra: pip install 'conductor-worker[otel]'") from missing

SCHEMA = "https://opentelemetry.io/schemas/1.34.0"
_FAILURES = (TaskResultStatus.FAILED, TaskResultStatus.FAILED_WITH_TERMINAL_ERROR)


class OpenTelemetryInterceptor(Interceptor):
    """Makes a span of kind CONSUMER around each execution: ``TaskRunner(interceptors=[OpenTelemetryInterceptor()])``.

    The span belongs to the trace in the member ``_trace`` of the task's input, if there is one: see ``inject``. The
    function does not see this member. An exception of the function, or a TaskResult with a failed status, makes the
    span's status ERROR.

    tracer_provider: None takes the global one.
    """

    def __init__(self, tracer_provider: TracerProvider | None = None) -> None:
        self._tracer = get_tracer("conductor", __version__, tracer_provider, SCHEMA)

    def execute(self, task: Task, proceed: Callable[[], Any]) -> Any:
        with self._span(task) as span:
            value = proceed()
            _end(span, value)
        return value

    async def execute_async(self, task: Task, proceed: Callable[[], Awaitable[Any]]) -> Any:
        with self._span(task) as span:
            value = await proceed()
            _end(span, value)
        return value

    @contextmanager
    def _span(self, task: Task) -> Iterator[Span]:
        name = task.task_type or task.task_def_name or ""
        attributes: dict[str, str | int] = {
            "messaging.system": "conductor",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": name,
            "messaging.message.id": task.task_id,
            "messaging.message.conversation_id": task.workflow_instance_id,
            "messaging.client.id": task.worker_id or "",
            "conductor.task.retry_count": task.retry_count or 0,
            "conductor.task.poll_count": task.poll_count or 0,
        }
        parent = _taken_out(task)
        span = self._tracer.start_span(f"process {name}", parent, SpanKind.CONSUMER, attributes)
        with use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                yield span
            except BaseException as error:
                if span.is_recording():
                    span.record_exception(error)
                    _fail(span, type(error).__qualname__, f"{type(error).__name__}: {error}")
                raise


def inject(input: object = None) -> dict[str, Any]:  # noqa: A002 - the name of the argument of start_workflow
    """Make the input of a workflow that belongs to the current trace.

    ::

        workflows.start_workflow("ship", inject({"order": 7}))

    A copy with the member ``_trace``. The definition of the workflow passes it on to tasks, as an input parameter
    ``"_trace": "${workflow.input._trace}"``. Their executions then belong to the trace. Without a current span nothing
    is added.
    """
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    data = output_data(input, "input")[0]
    return {**data, TRACE: carrier} if carrier else dict(data)


def _taken_out(task: Task) -> Context | None:
    """The trace context of the task's input, which does not contain it any more. None if there is none."""
    data = task.input_data
    if not isinstance(data, dict) or TRACE not in data:
        return None
    task.input_data = {name: value for name, value in data.items() if name != TRACE}  # the task as polled keeps it
    carrier = data[TRACE]
    if not isinstance(carrier, dict):  # null, if the workflow was started without one
        return None
    return propagate.extract({name: value for name, value in carrier.items() if isinstance(value, str)})


def _end(span: Span, value: object) -> None:
    """Set the status by the function's return value."""
    if not span.is_recording():
        return
    status = str(value.status) if isinstance(value, models.TaskResult) else str(TaskResultStatus.COMPLETED)
    span.set_attribute("conductor.task.status", status)
    if isinstance(value, models.TaskResult) and status in _FAILURES:
        _fail(span, status, value.reason_for_incompletion)


def _fail(span: Span, kind: str, description: str | None) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR, description))
