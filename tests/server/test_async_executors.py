"""The executors for coroutines: what the blocking ones do, while the event loop goes on."""

import asyncio
import contextvars
import inspect
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import conductor
from conductor import (
    ApiClient,
    AsyncTaskExecutor,
    AsyncWorkflowExecutor,
    ConfigurationError,
    HttpSettings,
    NotFoundError,
    TaskDef,
    TaskExecutor,
    TaskRunner,
    TransportError,
    WorkflowDef,
    WorkflowExecutor,
    WorkflowTask,
)
from support.waiting import eventually

ROOT = Path(__file__).parents[2]
PAIRS = [(TaskExecutor, AsyncTaskExecutor), (WorkflowExecutor, AsyncWorkflowExecutor)]


@pytest.fixture(autouse=True)
def _no_thread_stays_behind():
    before = set(threading.enumerate())
    yield
    eventually(lambda: not [t for t in threading.enumerate() if t not in before and t.name.startswith("conductor-")])


def calls_under_way():
    return [thread for thread in threading.enumerate() if thread.name.startswith("conductor-call")]


def public(executor):
    return {name for name, _ in inspect.getmembers(executor, inspect.isfunction) if not name.startswith("_")}


@pytest.mark.parametrize(("blocking", "for_coroutines"), PAIRS)
def test_each_method_of_a_blocking_executor_is_there_with_its_signature(blocking, for_coroutines):
    assert public(for_coroutines) == public(blocking) - {"close"} | {"aclose"}
    for name in public(blocking) - {"close"}:
        method = getattr(for_coroutines, name)
        assert inspect.iscoroutinefunction(method)
        assert inspect.signature(method) == inspect.signature(getattr(blocking, name))


@pytest.mark.sources
def test_the_executors_for_coroutines_are_what_the_script_makes():
    script = ROOT / "scripts" / "generate_async_executors.py"
    checked = subprocess.run([sys.executable, script, "--check"], check=False, capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_workflow_is_registered_started_and_completed(client):
    async def program():
        async with AsyncTaskExecutor(client) as tasks, AsyncWorkflowExecutor(client) as workflows:
            await tasks.register_task_defs(TaskDef(name="t", owner_email="a@example.com"))
            assert (await tasks.get_task_def("t")).owner_email == "a@example.com"
            await workflows.register_workflow(WorkflowDef(name="w", version=1, tasks=[WorkflowTask("t", "ref")]))
            workflow_id = await workflows.start_workflow("w", {"order": 7}, correlation_id="c")
            assert await tasks.queue_sizes("t") == {"t": 1}
            task_id = await tasks.update_task_by_ref_name("ref", workflow_id, "COMPLETED", {"sum": 8})
            assert (await tasks.get_task(task_id)).output_data == {"sum": 8}
            workflow = await workflows.get_workflow(workflow_id, include_tasks=False)
            assert (workflow.status, workflow.tasks, workflow.input) == ("COMPLETED", [], {"order": 7})
            assert list(await workflows.get_by_correlation_ids("w", "c", include_closed=True)) == ["c"]

    asyncio.run(program())


def test_many_workflows_are_executed_at_once_on_one_loop_with_their_workers(client):
    async def program():
        everybody = asyncio.Barrier(10)

        async def worker(task):
            await everybody.wait()
            return task.input_data

        async with (
            TaskRunner(client, event_loop=asyncio.get_running_loop()) as runner,
            AsyncWorkflowExecutor(client) as workflows,
        ):
            runner.start_worker("t", worker, batch_size=10)
            step = WorkflowTask("t", "ref", input_parameters={"number": "${workflow.input.number}"})
            await workflows.register_workflow(WorkflowDef(name="w", version=1, tasks=[step]))
            started = [workflows.execute_workflow("w", {"number": number}) for number in range(10)]
            ended = await asyncio.gather(*started)
        assert [workflow.output for workflow in ended] == [{"number": number} for number in range(10)]

    asyncio.run(program())


def test_the_errors_are_those_of_the_blocking_executors(client):
    async def program():
        async with AsyncTaskExecutor(client) as tasks:
            with pytest.raises(NotFoundError):
                await tasks.get_task("unknown")
            with pytest.raises(ConfigurationError, match="status"):
                await tasks.update_task("t", "w", "DONE")
        nowhere = ApiClient(http_settings=HttpSettings("http://localhost:9/api"))
        async with AsyncWorkflowExecutor(nowhere) as workflows:
            with pytest.raises(TransportError):
                await workflows.get_workflow("w")

    asyncio.run(program())


def test_the_request_of_a_call_that_is_cancelled_still_ends(client):
    async def program():
        async with AsyncWorkflowExecutor(client) as workflows:
            await workflows.register_workflow(WorkflowDef(name="w", version=1, tasks=[WorkflowTask("t", "ref")]))
            call = asyncio.create_task(workflows.execute_workflow("w", correlation_id="c", timeout=1))
            with WorkflowExecutor(client) as blocking:
                await asyncio.to_thread(eventually, lambda: blocking.get_by_correlation_ids("w", "c")["c"])
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
        assert calls_under_way()

    asyncio.run(program())
    eventually(lambda: not calls_under_way())


def test_a_call_that_is_cancelled_before_a_thread_takes_it_is_not_made(client, server):
    async def program():
        async with AsyncWorkflowExecutor(client, max_threads=1) as workflows:
            await workflows.register_workflow(WorkflowDef(name="w", version=1, tasks=[WorkflowTask("t", "ref")]))
            long = asyncio.create_task(workflows.execute_workflow("w", timeout=1))
            await asyncio.sleep(0)  # it has the thread
            waiting = asyncio.create_task(workflows.start_workflow("w", correlation_id="never"))
            await asyncio.sleep(0)
            waiting.cancel()
            await long
            assert await workflows.get_by_correlation_ids("w", "never") == {"never": []}

    asyncio.run(program())


def test_a_call_has_the_context_of_the_coroutine(client):
    variable = contextvars.ContextVar("variable")
    seen = []

    class Headers:
        def __call__(self):
            seen.append(variable.get(None))
            return {}

    async def program():
        settings = HttpSettings(client.http_settings.base_url, headers=Headers())
        async with AsyncTaskExecutor(ApiClient(http_settings=settings)) as tasks:
            variable.set("the coroutine's")
            await tasks.queue_sizes("t")

    asyncio.run(program())
    assert set(seen) == {"the coroutine's"}


@pytest.mark.parametrize("executor", [AsyncTaskExecutor, AsyncWorkflowExecutor])
@pytest.mark.parametrize("number", [0, True, 1.5])
def test_the_number_of_threads_is_a_positive_whole_number(executor, number):
    with pytest.raises(ConfigurationError, match="max_threads"):
        executor(max_threads=number)


def test_an_executor_makes_its_client_from_the_environment(server, monkeypatch):
    monkeypatch.setenv("CONDUCTOR_SERVER_URL", server.url)

    async def program():
        tasks = AsyncTaskExecutor()
        assert await tasks.get_task_defs() == []
        await tasks.aclose()

    asyncio.run(program())


def test_they_are_found_like_other_public_names():
    assert {"AsyncTaskExecutor", "AsyncWorkflowExecutor"} <= {*conductor.__all__} & {*dir(conductor)}
