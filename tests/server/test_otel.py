"""OpenTelemetry: the spans of executions, with the SDK's exporter into memory."""

import asyncio
import subprocess
import sys
import threading

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode, get_current_span

from conductor import ApiClient, HttpSettings, TaskResult, TaskResultStatus, TaskRunner, WorkflowExecutor, process_pool
from conductor.otel import OpenTelemetryInterceptor, inject
from conductor.testing import DevServer, FakeTaskClient
from support import process_functions
from support.waiting import eventually

PARENT = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "vendor=1"}


@pytest.fixture
def exporter():
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter):
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider


@pytest.fixture
def run(provider):
    """Runs a task through the interceptor; returns its result."""

    def run(execute, input_data=None, **options):
        client = FakeTaskClient()
        with TaskRunner(client, interceptors=[OpenTelemetryInterceptor(provider)], worker_id="me") as runner:
            runner.start_worker("ship", execute, **options)
            client.add_task("ship", input_data, retry_count=2)
            return client.results(1, timeout=20)[0]

    return run


def span_of_current(task):
    context = get_current_span().get_span_context()
    return {"span": context.span_id, "input": task.input_data}


async def span_of_current_async(task):
    await asyncio.sleep(0)
    return span_of_current(task)


both = pytest.mark.parametrize("function", [span_of_current, span_of_current_async], ids=["def", "async def"])


@both
def test_an_execution_is_a_span_with_the_names_of_the_conventions(run, exporter, function):
    result = run(function)
    (span,) = exporter.get_finished_spans()
    assert span.name == "process ship"
    assert span.kind is SpanKind.CONSUMER
    assert span.parent is None
    assert span.status.status_code is StatusCode.UNSET
    assert dict(span.attributes) == {
        "messaging.system": "conductor",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "ship",
        "messaging.message.id": "task-1",
        "messaging.message.conversation_id": "workflow-1",
        "messaging.client.id": "me",
        "conductor.task.retry_count": 2,
        "conductor.task.poll_count": 1,
        "conductor.task.status": "COMPLETED",
    }
    assert result.output_data["span"] == span.context.span_id


@both
def test_a_span_belongs_to_the_trace_in_the_input_which_the_function_does_not_see(run, exporter, function):
    result = run(function, {"order": 7, "_trace": PARENT})
    (span,) = exporter.get_finished_spans()
    assert f"{span.context.trace_id:032x}" == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert f"{span.parent.span_id:016x}" == "00f067aa0ba902b7"
    assert span.context.trace_state["vendor"] == "1"
    assert result.output_data["input"] == {"order": 7}


def test_a_function_with_typed_parameters_gets_its_input_without_the_trace(run):
    def ship(**lines: int):
        return lines

    assert run(ship, {"apples": 7, "_trace": PARENT}).output_data == {"apples": 7}


def test_an_input_that_does_not_fit_makes_the_status_an_error(run, exporter):
    def ship(apples: int):
        return {}

    run(ship, {"apples": "many"})
    (span,) = exporter.get_finished_spans()
    assert span.attributes["error.type"] == "InvalidInputError"


@pytest.mark.parametrize(
    "trace", [None, 7, [], {}, {"traceparent": None}, {"traceparent": "00-zz"}, {"traceparent": 7}]
)
def test_a_trace_that_cannot_be_read_is_none(run, exporter, trace):
    assert run(span_of_current, {"_trace": trace}).output_data["input"] == {}
    (span,) = exporter.get_finished_spans()
    assert span.parent is None


def fail(task):
    raise ValueError("no stock")


async def fail_async(task):
    raise ValueError("no stock")


@pytest.mark.parametrize("function", [fail, fail_async], ids=["def", "async def"])
def test_an_exception_is_recorded_and_makes_the_status_an_error(run, exporter, function):
    assert run(function).reason_for_incompletion == "ValueError: no stock"
    (span,) = exporter.get_finished_spans()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError: no stock")
    assert span.attributes["error.type"] == "ValueError"
    (event,) = span.events
    assert event.name == "exception"
    assert event.attributes["exception.message"] == "no stock"


def test_a_failed_result_makes_the_status_an_error(run, exporter):
    def refuse(task):
        result = TaskResult.from_task(task)
        result.status, result.reason_for_incompletion = TaskResultStatus.FAILED, "no stock"
        return result

    run(refuse)
    (span,) = exporter.get_finished_spans()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "no stock")
    assert span.attributes["conductor.task.status"] == span.attributes["error.type"] == "FAILED"


def test_a_failure_in_a_process_makes_the_status_an_error(run, exporter):
    run(process_functions.work, {"do": "fail", "with": "no stock", "_trace": PARENT}, executor=process_pool(1))
    (span,) = exporter.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert "no stock" in span.status.description
    assert f"{span.parent.span_id:016x}" == "00f067aa0ba902b7"


def test_a_function_in_a_process_is_in_no_span_and_its_input_has_no_trace(run):
    output = run(span_of_current, {"order": 1, "_trace": PARENT}, executor=process_pool(1)).output_data
    assert output == {"span": 0, "input": {"order": 1}}


def test_a_span_of_a_coroutine_ends_at_its_time_limit(provider, exporter):
    async def sleep(task):
        await asyncio.sleep(30)

    client = FakeTaskClient()
    with TaskRunner(client, interceptors=[OpenTelemetryInterceptor(provider)]) as runner:
        runner.start_worker("ship", sleep, timeout=0.2)
        client.add_task("ship")
        (span,) = eventually(exporter.get_finished_spans)
    assert span.attributes["error.type"] == "CancelledError"


def test_a_span_that_is_not_sampled_is_not_exported(exporter):
    provider, client = TracerProvider(sampler=ALWAYS_OFF), FakeTaskClient()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with TaskRunner(client, interceptors=[OpenTelemetryInterceptor(provider)]) as runner:
        runner.start_worker("ship", fail)
        client.add_task("ship")
        client.results(1)
    assert not exporter.get_finished_spans()


def test_without_the_extra_the_import_names_it():
    """In a process of its own, which cannot import opentelemetry."""
    program = "import sys; sys.modules['opentelemetry'] = None; import conductor.otel"
    ended = subprocess.run([sys.executable, "-c", program], check=False, stderr=subprocess.PIPE, text=True)
    assert "pip install 'conductor-worker[otel]'" in ended.stderr


def test_without_a_span_nothing_is_injected():
    given = {"order": 7}
    assert inject(given) == {"order": 7}
    assert inject(given) is not given
    assert inject() == {}


def test_a_trace_goes_on_through_a_workflow(provider, exporter):
    """A worker starts a workflow, whose task belongs to the worker's trace."""
    workflow = {
        "name": "inner",
        "version": 1,
        "schemaVersion": 2,
        "timeoutSeconds": 0,
        "ownerEmail": "a@example.com",
        "tasks": [
            {
                "name": "inner_task",
                "taskReferenceName": "inner_task",
                "type": "SIMPLE",
                "inputParameters": {"order": "${workflow.input.order}", "_trace": "${workflow.input._trace}"},
            }
        ],
    }
    outer = workflow | {"name": "outer", "tasks": [workflow["tasks"][0] | {"name": "outer_task"}]}
    seen, ended = [], threading.Event()
    with DevServer() as server, ApiClient(http_settings=HttpSettings(server.url)) as api_client:
        workflows = WorkflowExecutor(api_client)
        workflows.register_workflow(workflow, outer)

        def outer_task(task):
            seen.append(dict(task.input_data))
            return {"id": workflows.start_workflow("inner", inject({"order": 7}))}

        def inner_task(task):
            seen.append(dict(task.input_data))
            ended.set()

        with TaskRunner(api_client, interceptors=[OpenTelemetryInterceptor(provider)]) as runner:
            runner.start_worker("outer_task", outer_task)
            runner.start_worker("inner_task", inner_task)
            workflows.start_workflow("outer", {"order": 1})
            assert ended.wait(10)
    outer_span, inner_span = sorted(exporter.get_finished_spans(), key=lambda span: span.start_time)
    assert (outer_span.name, inner_span.name) == ("process outer_task", "process inner_task")
    assert inner_span.parent.span_id == outer_span.context.span_id
    assert inner_span.context.trace_id == outer_span.context.trace_id
    assert seen == [{"order": 1}, {"order": 7}]
