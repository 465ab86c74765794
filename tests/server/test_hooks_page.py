"""The examples in docs/hooks.md and the JSON formatter in docs/logging.md, run as they stand there."""

import asyncio
import json
import logging
import os
import re
import threading

import pytest
import sentry_sdk

from conductor import NonRetryableError, TaskRunner
from conductor.testing import FakeTaskClient, run_worker
from support.pages import blocks


def example(page, containing):
    """The names that an example defines, and its code."""
    (code,) = [block for block in blocks(page) if containing in block]
    return code


def defined(code):
    names = {"__name__": "example"}
    exec(compile(code, "example", "exec"), names)  # noqa: S102 - an example of ours
    return names


@pytest.fixture
def client():
    return FakeTaskClient()


def run(client, interceptor, execute, input_data=None):
    with TaskRunner(client, interceptors=[interceptor]) as runner:
        runner.start_worker("t", execute)
        client.add_task("t", input_data)
        return client.results(1)[0]


def test_the_first_example_runs(client, capsys):
    run(client, defined(example("hooks.md", "class Timing"))["Timing"](), lambda task: None)
    assert capsys.readouterr().out.startswith("task-1 ")


def test_the_example_that_translates_refuses_and_translates(client):
    translate = defined(example("hooks.md", "class Translate"))["Translate"]()
    assert run(client, translate, lambda task: {}).reason_for_incompletion == "no order"


def test_the_example_that_translates_makes_an_error_terminal(client):
    translate = defined(example("hooks.md", "class Translate"))["Translate"]()
    result = run(client, translate, lambda task: {}["customer"], {"order": 7})
    assert (result.status, result.reason_for_incompletion) == (
        "FAILED_WITH_TERMINAL_ERROR",
        "NonRetryableError: unknown: 'customer'",
    )


def test_the_circuit_breaker_takes_no_task_while_it_is_open(client):
    is_up = threading.Event()
    breaker = defined(example("hooks.md", "class Breaker"))["Breaker"](is_up.is_set)
    with TaskRunner(client, interceptors=[breaker]) as runner:
        runner.start_worker("t", lambda task: None)
        client.add_task("t")
        with pytest.raises(TimeoutError):
            client.results(1, timeout=0.3)
        is_up.set()
        assert client.results(1)


def test_the_lifespan_example_loads_from_its_database(client):
    names = defined(example("hooks.md", "class Database"))
    with TaskRunner(client, lifespan=names["lifespan"]) as runner:
        runner.start_worker("load", names["load"])
        client.add_task("load", {"number": 7})
        assert client.results(1)[0].output_data == {"customer": 7}
    assert run_worker(names["load"], {"number": 7}, state=names["Database"]()).output_data == {"customer": 7}


@pytest.mark.parametrize("containing", ["OpenTelemetryInterceptor()", "import inject"])
def test_an_example_of_tracing_runs(containing):
    defined(example("hooks.md", containing))


class Transport(sentry_sdk.Transport):
    """Keeps the events."""

    def __init__(self):
        super().__init__()
        self.events = []

    def capture_envelope(self, envelope):
        self.events += [event for item in envelope.items if (event := item.get_event())]


@pytest.fixture
def transport():
    """The SDK as a program sets it up, but with events that go nowhere."""
    transport = Transport()
    with sentry_sdk.isolation_scope(), sentry_sdk.new_scope():
        before = sentry_sdk.get_global_scope().client
        sentry_sdk.init(dsn="https://key@sentry.invalid/1", transport=transport, default_integrations=False)
        yield transport
        sentry_sdk.get_global_scope().set_client(before)


@pytest.fixture
def sentry():
    code = example("hooks.md", "class SentryInterceptor").replace("sentry_sdk.init()  # reads SENTRY_DSN\n", "")
    return defined(code)["SentryInterceptor"]()


def fail(task):
    raise ValueError("no stock")


async def fail_async(task):
    await asyncio.sleep(0)
    raise ValueError("no stock")


@pytest.mark.parametrize("function", [fail, fail_async], ids=["def", "async def"])
def test_the_recipe_reports_an_exception_once_with_the_ids_of_the_task(client, transport, sentry, function):
    assert run(client, sentry, function).reason_for_incompletion == "ValueError: no stock"
    (event,) = transport.events
    assert event["exception"]["values"][0]["value"] == "no stock"
    assert event["transaction"] == event["tags"]["task_name"] == "t"
    assert event["contexts"]["conductor"] == {"task_id": "task-1", "workflow_instance_id": "workflow-1"}


def test_the_recipe_does_not_report_a_failure_that_is_expected(client, transport, sentry):
    def refuse(task):
        raise NonRetryableError("no such order")

    assert run(client, sentry, refuse).reason_for_incompletion == "NonRetryableError: no such order"
    assert not transport.events


def test_the_json_formatter_writes_one_object_with_the_ids_for_each_record(client, capsys, monkeypatch):
    given = {}
    monkeypatch.setattr(logging, "basicConfig", lambda **arguments: given.update(arguments))
    defined(example("logging.md", "JsonFormatter"))["log_as_json"]()
    (handler,) = given["handlers"]
    logger = logging.getLogger("of the function")

    def function(task):
        logger.warning("ünicode\nline")
        try:
            raise ValueError("no stock")
        except ValueError:
            logger.exception("failed")

    logger.addHandler(handler)
    try:
        client.add_task("t", retry_count=2)
        with TaskRunner(client) as runner:
            runner.start_worker("t", function)
            client.results(1)
        logger.error("outside")
    finally:
        logger.removeHandler(handler)
    first, second, outside = map(json.loads, capsys.readouterr().err.splitlines())
    ids = {"task_id": "task-1", "workflow_instance_id": "workflow-1", "task_name": "t", "retry_count": 2}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.pop("time"))
    assert first.pop("process") == os.getpid()
    assert first == {"level": "WARNING", "logger": "of the function", "message": "ünicode\nline"} | ids
    assert "ValueError: no stock" in second["exception"]
    assert "task_id" not in outside
