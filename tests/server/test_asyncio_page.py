"""The programs of docs/asyncio.md do what the page says."""

import asyncio
import signal

import pytest

from conductor import ApiClient, HttpSettings, WorkflowDef, WorkflowExecutor, WorkflowTask
from support.pages import blocks
from support.programs import Programs, waits_for_signals

WAITING, LIFESPAN, EXECUTORS = blocks("asyncio.md")


@pytest.fixture
def workflows(server):
    with ApiClient(http_settings=HttpSettings(server.url)) as client:
        workflows = WorkflowExecutor(client)
        step = WorkflowTask("book", "book_ref", input_parameters={"seat": "${workflow.input.seat}"})
        workflows.register_workflow(WorkflowDef(name="booking", version=1, tasks=[step]))
        yield workflows


@pytest.fixture
def programs():
    with Programs() as programs:
        yield programs


def test_the_program_that_waits_books_until_a_signal_comes(server, workflows, programs):
    process = waits_for_signals(programs.start(WAITING, server.url))
    assert workflows.execute_workflow("booking", {"seat": "7c"}).output == {"booked": "7c"}
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=10)
    assert (process.returncode, output) == (0, "")
    assert "no task definition is named book" in errors


def test_the_lifespan_of_an_application_books(server, workflows, monkeypatch):
    monkeypatch.setenv("CONDUCTOR_SERVER_URL", server.url)
    names = {}
    exec(LIFESPAN, names)  # noqa: S102 - it is the page's

    async def application():
        async with names["lifespan"](None):
            workflow = await asyncio.to_thread(workflows.execute_workflow, "booking", {"seat": "7c"})
            assert workflow.output == {"booked": "7c"}

    asyncio.run(application())


def test_the_program_that_executes_workflows_prints_their_outputs(server, programs):
    output, _ = programs.start(EXECUTORS, server.url).communicate(timeout=20)
    assert output.splitlines() == [f"COMPLETED {{'booked': '{seat}'}}" for seat in ("1a", "1b", "1c")]
